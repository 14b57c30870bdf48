"""Packs the JSON of objects that resemble each other into some hundred bytes each.

The first object of a kind is the dictionary for all that follow: what they share (field names,
labels, managedFields, most of a spec) costs nothing, and packing costs a quarter of what it does
without. An unlike first object only makes the others a little larger. Nothing is ever sent or
stored outside of the process in this form.
"""

from __future__ import annotations

import zstandard

LEVEL = -1


class Packer:
    """Packs and unpacks the objects of one kind; what one packer made only the same one can read."""

    def __init__(self) -> None:
        self._compressor: zstandard.ZstdCompressor | None = None
        self._decompressor: zstandard.ZstdDecompressor | None = None

    def pack(self, text: bytes) -> bytes:
        """`text`, packed."""
        if self._compressor is None:
            self._learn(text)
            assert self._compressor is not None
        # The copy is as long as its content; what the compressor returns keeps the room for the worst case.
        return memoryview(self._compressor.compress(text)).tobytes()

    def unpack(self, packed: bytes) -> bytes:
        """The inverse of `pack`."""
        assert self._decompressor is not None, "nothing was packed yet"
        return self._decompressor.decompress(packed)

    def _learn(self, text: bytes) -> None:
        # The sizes keep the compressor's tables small: a tenth of a MB for each kind instead of one.
        parameters = zstandard.ZstdCompressionParameters.from_level(
            LEVEL, source_size=len(text), dict_size=len(text), write_content_size=True, write_dict_id=False
        )
        shared = zstandard.ZstdCompressionDict(text, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        shared.precompute_compress(compression_params=parameters)
        self._compressor = zstandard.ZstdCompressor(dict_data=shared, compression_params=parameters)
        self._decompressor = zstandard.ZstdDecompressor(dict_data=shared)
