"""The read API: what the lake holds, over HTTP."""
