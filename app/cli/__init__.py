"""The commands of `flask`, each loaded when it is called: most need stores, a back-test of a file needs none."""
