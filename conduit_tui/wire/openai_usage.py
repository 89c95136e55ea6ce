"""The usage that OpenAI's two dialects report; they differ in names only."""

from typing import Any

from conduit_tui.domain.usage import Usage
from conduit_tui.wire.metering import Meter


class OpenAIMeter(Meter):
    """A meter for a dialect whose `usage` has an input, an output and details of each."""

    _input = ""
    _output = ""

    def _take_usage(self, usage: Any) -> None:
        """Take in a `usage` object. A later one replaces an earlier one: it has the whole answer up to there."""
        counts = self._counts(usage)
        input_tokens = self._tokens(counts, self._input)
        output_tokens = self._tokens(counts, self._output)
        if input_tokens is None and output_tokens is None:
            return
        input_tokens = input_tokens or 0
        output_tokens = output_tokens or 0
        input_details, output_details = f"{self._input}_details", f"{self._output}_details"
        read = self._tokens(counts, input_details, "cached_tokens")
        if read is None:
            read = self._tokens(counts, "prompt_cache_hit_tokens")  # DeepSeek
        read = min(read or 0, input_tokens)
        write = min(self._tokens(counts, input_details, "cache_write_tokens") or 0, input_tokens - read)
        reasoning = self._tokens(counts, output_details, "reasoning_tokens") or 0
        self.extras = self.extras._replace(
            audio_input_tokens=self._tokens(counts, input_details, "audio_tokens") or 0,
            audio_cached_tokens=self._tokens(counts, input_details, "cached_tokens_details", "audio_tokens") or 0,
            audio_output_tokens=self._tokens(counts, output_details, "audio_tokens") or 0,
        )
        if self._tokens(counts, "total_tokens") == input_tokens + output_tokens + reasoning:
            output_tokens += reasoning  # xAI leaves reasoning out of the output
        self.usage = Usage(
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cache_read_tokens=read,
            cache_write_5m_tokens=write,
            reasoning_tokens=min(reasoning, output_tokens),
        )
