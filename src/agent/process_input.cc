// What processes read: a file that is there from the start, or a pipe that is fed while they run.

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include "agent/clock.h"
#include "agent/process_table.h"

namespace mayfly::agent {

namespace {

/// A file holds the input: no thread has to feed a pipe that the process may never read.
Result<Fd> input_file(const std::string& input) {
  Fd file(::memfd_create("input", MFD_CLOEXEC));
  if (!file) return tl::unexpected(errno_error(errno, "make a file for the input"));
  for (std::size_t done = 0; done < input.size();) {
    const auto written = ::write(file.get(), input.data() + done, input.size() - done);
    if (written < 0) return tl::unexpected(errno_error(errno, "write the input"));
    done += static_cast<std::size_t>(written);
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

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

/// What it shall read as stdin; nothing stands for no input at all.
Result<Fd> ProcessTable::input_for(const std::shared_ptr<Record>& record, const Command& command) {
  if (!command.stdin_open) return command.input.empty() && no_input_ ? Fd() : input_file(command.input);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return tl::unexpected(errno_error(errno, "make a pipe"));
  Fd reading(ends[0]);
  auto writing = std::make_shared<Fd>(ends[1]);
  ::fcntl(writing->get(), F_SETFL, O_NONBLOCK);
  const std::unique_lock lock(mutex_);
  record->input = std::move(writing);
  return reading;
}

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
