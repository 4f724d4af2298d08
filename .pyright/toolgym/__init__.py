"""Nothing to run: the links beside this file let pyright resolve the three folders under the names they import by."""
