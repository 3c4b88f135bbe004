"""Compiles the contracts into what the edge needs: routes, decoders, readers and documents."""
