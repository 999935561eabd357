"""The generic actor runtime on `pykka.Actor`. It knows nothing about chat."""
