"""The pool of airports: IATA code, city and state are facts; each world uses a subset."""

from typing import Final

__all__ = ["AIRPORTS"]

_PLACES: Final = """
    ABQ Albuquerque NM; ALB Albany NY; ANC Anchorage AK; ATL Atlanta GA; AUS Austin TX; BDL Hartford CT; BHM
    Birmingham AL; BNA Nashville TN; BOI Boise ID; BOS Boston MA; BTV Burlington VT; BUF Buffalo NY; BWI Baltimore
    MD; BZN Bozeman MT; CHS Charleston SC; CLE Cleveland OH; CLT Charlotte NC; CMH Columbus OH; CVG Cincinnati OH;
    DEN Denver CO; DFW Dallas TX; DSM Des Moines IA; DTW Detroit MI; ELP El Paso TX; EUG Eugene OR; FAR Fargo ND;
    FAT Fresno CA; GEG Spokane WA; GRR Grand Rapids MI; HNL Honolulu HI; IAH Houston TX; ICT Wichita KS; IND
    Indianapolis IN; JAX Jacksonville FL; LAS Las Vegas NV; LAX Los Angeles CA; LEX Lexington KY; LIT Little Rock
    AR; MCI Kansas City MO; MCO Orlando FL; MEM Memphis TN; MIA Miami FL; MKE Milwaukee WI; MSN Madison WI; MSP
    Minneapolis MN; MSY New Orleans LA; OKC Oklahoma City OK; OMA Omaha NE; ORD Chicago IL; PDX Portland OR; PHL
    Philadelphia PA; PHX Phoenix AZ; PIT Pittsburgh PA; RDU Raleigh NC; RIC Richmond VA; RNO Reno NV; SAN San
    Diego CA; SAT San Antonio TX; SAV Savannah GA; SEA Seattle WA; SLC Salt Lake City UT; TPA Tampa FL; TUL Tulsa
    OK
"""
AIRPORTS: Final[tuple[tuple[str, str, str], ...]] = tuple(
    (code, city, state)
    for place in " ".join(_PLACES.split()).split("; ")
    for code, _, rest in [place.partition(" ")]
    for city, _, state in [rest.rpartition(" ")]
)
"""(code, city, state); one airport a city, so that a city names its airport without doubt."""
