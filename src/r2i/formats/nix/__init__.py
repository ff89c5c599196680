"""Files in the Nix language: what their text says without being evaluated."""
