// How a running process is fed on its stdin.

#include <algorithm>
#include <cerrno>

#include <poll.h>

#include "agent/clock.h"
#include "agent/process_table.h"

namespace mayfly::agent {

namespace {

struct Fed {
  std::size_t taken = 0;
  Status trouble;
};

/// As much as it takes until then. A process that does not read fills its pipe, which is waited for and never forced.
Fed write_all(int fd, std::string_view bytes, Patience patience) {
  Fed fed;
  while (fed.taken < bytes.size()) {
    const auto written = ::write(fd, bytes.data() + fed.taken, bytes.size() - fed.taken);
    if (written >= 0) {
      fed.taken += static_cast<std::size_t>(written);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      fed.trouble = fail(Code::conflict, "the process does not read its stdin any more", "stdin_closed");
      return fed;
    }
    const auto left_us = patience.until_us - now_us();
    if (left_us <= 0) return fed;
    pollfd watched[] = {{fd, POLLOUT, 0}, {patience.caller, POLLRDHUP, 0}};
    constexpr std::int64_t longest_ms = 3'600'000;
    ::poll(watched, 2, static_cast<int>(std::min((left_us + 999) / 1000, longest_ms)));
    if (watched[1].revents != 0) {
      fed.trouble = fail(Code::unavailable, "the caller has hung up");
      return fed;
    }
  }
  return fed;
}

}  // namespace

Result<Answer> ProcessTable::feed(std::int64_t id, std::string_view bytes, bool close, Patience patience) {
  std::shared_ptr<Record> record;
  std::shared_ptr<Fd> input;
  {
    const std::unique_lock lock(mutex_);
    record = TRY(find(id));
    const auto who = "process " + std::to_string(id);
    if (record->state == Record::State::ended) return fail(Code::conflict, who + " has ended", "stdin_closed");
    if (!record->input)
      return fail(Code::conflict, who + " was not started with an open stdin, or it was closed", "stdin_not_open");
    if (record->being_fed) return fail(Code::conflict, "another call writes to the stdin of " + who, "stdin_busy");
    record->being_fed = true;
    // Ours as well, so that its number is nobody else's while we wait, whatever becomes of the process.
    input = record->input;
  }
  const auto fed = write_all(input->get(), bytes, patience);
  const std::unique_lock lock(mutex_);
  record->being_fed = false;
  const bool refused = !fed.trouble && fed.trouble.error().code == Code::conflict;
  if (refused || (close && fed.taken == bytes.size())) record->input.reset();
  if (refused) return tl::unexpected(fed.trouble.error());
  Answer answer;
  answer.fields.integer(static_cast<std::int64_t>(fed.taken)).boolean(record->input == nullptr);
  return answer;
}

}  // namespace mayfly::agent
