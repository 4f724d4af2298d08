"""First and last names of people: each belongs to the split that its letters belong to, so splits share none."""

from functools import lru_cache
from typing import Final

from toolgym.composing.names import owner
from toolgym.domain import Split

__all__ = ["names_of"]

_FIRST: Final = """
Abel Ada Adele Agnes Aidan Aisha Akira Alan Alba Aldo Alec Alice Alma Alvin Amara Amina Amir Ana Anders Andre
Anita Anton Anya Arlo Arne Asha Astrid Aubrey August Ava Bao Beatrix Bella Ben Bernard Bianca Boris Brian
Bridget Bruno Callum Camila Carl Carmen Cecil Celia Cesar Chen Chloe Clara Claude Colin Conrad Cora Cyril
Dalia Damian Dana Daniel Daphne Dario David Delia Dennis Diego Dina Dora Dylan Edgar Edith Edna Einar Elena
Eli Elise Ella Elmer Elsa Emil Emma Enzo Erica Ernest Esther Ethan Eva Ezra Fadi Faye Felix Fergus Fiona Flora
Frank Freya Gavin Gemma George Gianna Gideon Gilda Glen Greta Gustav Gwen Hadi Hanna Harald Harriet Hassan
Hazel Hector Heidi Helga Henrik Hilda Holly Hugo Ian Ida Igor Ilse Imran Ines Ingrid Irene Iris Isaac Isla
Ivan Ivy Jack Jakob Jamila Janet Jasper Jay Jean Jenna Jens Joan Joel Jonas Joy Juan Judith Julia Kai Karim
Karin Karl Kate Keiko Ken Kira Klaus Kurt Lara Lars Laszlo Leila Lena Leon Leroy Liam Lidia Lily Linus Lior
Lisa Lola Lorna Louis Lucia Luka Luna Lydia Mabel Magnus Maia Malik Mara Marc Marit Mateo Maud Mavis Max Maya
Mei Mia Miles Milo Mina Mira Moira Mona Nadia Naomi Nasim Neil Nell Nico Nina Noah Nora Norman Odile Olaf Olga
Oliver Omar Orla Oscar Otis Otto Owen Pablo Paula Pearl Per Petra Philip Pia Piers Quentin Rafael Ralph Ramona
Rania Raul Rhea Rita Robin Roland Rosa Ruben Rufus Ruth Sadie Sally Samir Sandra Sara Selma Sergio Seth Sienna
Silas Simon Sofia Sonia Stefan Stella Sven Sybil Tariq Tessa Theo Thora Tilda Tim Toby Tove Tristan Ulla Uma
Ursula Valerie Vera Victor Vikram Viola Wanda Ward Wesley Wilma Xavier Yara Yasmin Yuki Yusuf Yvonne Zadie
Zara Zelda Zeno Zoe
""".split()  # noqa: SIM905
_LAST: Final = """
Abbott Acosta Adler Ahmed Aldridge Alvarez Amsel Andrade Archer Arnett Ashby Auden Ayala Bach Baines Banerjee
Barlow Bauer Beck Bellamy Benitez Berger Bianchi Blake Bloom Booth Borg Bower Brandt Briggs Brook Brandl Byrne
Cabrera Calder Cardoso Carver Castillo Chandra Chase Clarke Cohen Conway Cortez Craig Cruz Curran Dahl Dalton
Darcy Decker Delgado Diaz Dixon Dolan Donati Drake Dubois Duffy Dunn Eaton Eckert Edwards Ekberg Ellis Engel
Espino Evans Faber Farrow Faulk Fenwick Ferrari Finch Fischer Flynn Fontaine Forsyth Foster Frost Fuchs Gallo
Garner Gatti Geller Gibson Gilmore Goldberg Gomez Graham Grant Greer Grimm Gruber Gupta Haas Hale Halloran
Hansen Hardy Harper Hartmann Hayes Heath Heller Hewitt Hickey Hoffman Holm Hopkins Horvat Howell Huber Hughes
Ibarra Iversen Jacobs Jansen Jarvis Jensen Joshi Kapoor Kaufman Keane Keller Kemp Kendrick Khan Kimura Kirk
Klein Knight Koch Kovacs Kramer Kruger Lam Lambert Lang Larkin Laurent Lawson Leclerc Lehmann Lennox Lindgren
Lister Lombardi Lopez Lowe Lund Lynch Macleod Madsen Maier Malone Mancini Marlow Martens Massey Mathur Mayer
McBride Meier Mendoza Mercer Meyer Milani Molina Monk Moreau Moreno Morgan Moss Mueller Murphy Myers Nagy Nash
Navarro Neumann Newton Nguyen Nielsen Nolan Norris Novak Nyberg Oakley Obrien Ochoa Okafor Olsen Ortega Osman
Otero Owens Padilla Palmer Pappas Parker Patel Pavlov Payne Pereira Perkins Petit Pfeiffer Pike Pinto Porter
Powell Price Quick Quinn Raines Ramos Rao Rasmussen Reeves Reilly Renard Reyes Ricci Rivera Robson Rojas
Romano Rosen Rossi Roth Rowe Rubio Russo Saito Salas Sanders Santos Sato Sauer Schmidt Schneider Schwarz
Serrano Sharma Shaw Silva Simmons Singh Sloan Soto Spencer Stahl Stark Stein Stokes Strand Suarez Sutton Swann
Tanaka Thorne Torres Tran Trevino Tucker Turner Ulrich Unger Urban Valdez Vance Varga Vega Vogel Voss Wagner
Walsh Watts Weaver Weber Weiss Weston Whelan Wilde Winter Wolfe Wong Wright Wynn Xu Yamada Yates York Young
Zamora Zeller Ziegler Zimmer Zuniga
""".split()  # noqa: SIM905


@lru_cache(maxsize=8)
def names_of(split: Split) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """First names and last names of a split."""
    return (
        tuple(name for name in _FIRST if owner(name) == split),
        tuple(name for name in _LAST if owner(name) == split),
    )
