"""The documentation: pages, and the programs that make parts of them from the code."""
