#include "app/clock_note.h"

#include <charconv>

namespace mayfly {

Status note_clock(Transaction& t) { return t.settings().put("clock.noted", std::to_string(microseconds(t.now()))); }

Result<Time> noted_clock(Transaction& t) {
  const auto text = TRY(t.settings().get("clock.noted")).value_or("");
  std::int64_t noted = 0;
  std::from_chars(text.data(), text.data() + text.size(), noted);
  return service_time(noted);
}

}  // namespace mayfly
