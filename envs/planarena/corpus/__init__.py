"""The executed corpus: right and wrong trajectories of composed tasks, labelled by what came of them (AC-Planner §3).

    toolgym planarena build --trajectories 20000 --output corpus
    toolgym planarena stats corpus
    toolgym planarena check corpus

`playing` executes and searches, `labels` and `alternatives` say what a step is and what could have been done instead,
`errors` makes chains that fail, `rows` and `building` make the corpus of them, `checking` replays it, and `format`
reads it. See `docs/planarena_corpus.md`.
"""
