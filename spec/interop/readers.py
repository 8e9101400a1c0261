"""Decompresses files with Python's zlib, into one output: readers.py FORMAT FILE..."""
import sys
import zlib

BITS = {"gzip": 31, "deflate": 15, "deflate-raw": -15}
for name in sys.argv[2:]:
    reader = zlib.decompressobj(BITS[sys.argv[1]])
    with open(name, "rb") as file:
        output = reader.decompress(file.read()) + reader.flush()
    if not reader.eof or reader.unused_data:
        sys.exit(f"{name}: no end of the data, or bytes behind it")
    sys.stdout.buffer.write(output)
