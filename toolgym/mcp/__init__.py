"""Tool servers and sessions: the same tools in process, over stdio, over HTTP and in Docker."""
