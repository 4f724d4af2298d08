"""`toolgym view`: runs and episodes in the browser. It reads files, and changes none of them.

library.py    what is open, and the thread that keeps the indexes up to date
sources.py    what there is to see under the paths that were opened
indexing.py   an index of a file of episodes, built while it is looked at, and kept in a cache folder
corpus.py     the same of an executed corpus
queries.py    pages of episodes, filtered and sorted; figures of a run; runs paired by task
episodes.py   one episode, its tokens, the tree of its group
explaining.py what needs the episode's environment: checklist, state, credit
playing.py    episodes that a person plays in the page
server.py     the pages and the data over HTTP, for this machine's browser alone
exporting.py  the same as files, for any static host
web/          the front end's sources; static/ is what Vite made of them
"""
