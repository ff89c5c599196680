"""Registries of images: how they are called, who is logged in where, what they have, and what they say when they refuse."""
