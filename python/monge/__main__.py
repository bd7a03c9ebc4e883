"""``python -m monge`` runs the program monge."""

from ._program import main

main()
