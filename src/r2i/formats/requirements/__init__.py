"""pip's requirements file format: read from a checkout, made into what `uv pip install` takes."""

from r2i.formats.requirements.reading import read_lines, read_requirements

__all__ = ["read_lines", "read_requirements"]
