"""How the store's tables came to be, one file per step; applied by `mondrift db upgrade`."""
