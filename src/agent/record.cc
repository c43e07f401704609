#include "agent/record.h"

#include <algorithm>

#include "agent/clock.h"

namespace mayfly::agent {

void wake(const Record& record, bool ended) {
  const std::uint64_t one = 1;
  for (const auto& waiter : record.waiters) {
    if (!ended && !waiter.for_output) continue;
    const ssize_t written = ::write(waiter.event, &one, sizeof one);
    static_cast<void>(written);  // Full means that it was woken already.
  }
}

std::vector<std::string> shortened(const std::vector<std::string>& argv, std::size_t bytes) {
  std::vector<std::string> kept;
  for (const auto& argument : argv) {
    if (argument.size() + 1 > bytes) {
      kept.push_back(argument.substr(0, bytes) + "...");
      return kept;
    }
    bytes -= argument.size() + 1;
    kept.push_back(argument);
  }
  return kept;
}

void write_process(wire::Writer& to, const Record& record, std::size_t argv_bytes) {
  const auto now = now_us();
  const bool over = record.state == Record::State::ended;
  const auto argv = shortened(record.argv, argv_bytes);
  to.integer(record.id).integer(record.pid).text(record.name).count(argv.size());
  for (const auto& argument : argv) to.text(argument);
  to.boolean(!over).boolean(record.timed_out).integer(record.exit_code).integer(record.signal);
  to.integer(now - record.started_us).integer((over ? record.ended_us : now) - record.started_us);
  to.integer(record.logs[0].total()).integer(record.logs[1].total());
}

void write_piece(wire::Writer& to, std::string& content, const Record& record, int stream, std::int64_t offset,
                 std::size_t limit) {
  const auto& log = record.logs[static_cast<std::size_t>(stream)];
  const auto start = std::clamp(offset, log.start(), log.total());
  const auto bytes = log.read(start, limit);
  const bool everything = start + static_cast<std::int64_t>(bytes.size()) == log.total();
  to.integer(start).integer(log.total()).integer(std::max<std::int64_t>(0, start - offset));
  to.boolean(everything && record.state == Record::State::ended).integer(static_cast<std::int64_t>(bytes.size()));
  content += bytes;
}

}  // namespace mayfly::agent
