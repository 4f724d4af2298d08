"""Episodes as traces of OpenTelemetry, in its semantic conventions for generative AI.

`spans_of` is a pure function of a record; `Sender` brings episodes to an OTLP/HTTP endpoint without anybody waiting.
The packages are the extra `otel`.
"""

from toolgym.otel.spans import META, Actor, Played, Span, spans_of

__all__ = ["META", "Actor", "Played", "Span", "spans_of"]
