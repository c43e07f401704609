#pragma once
// One connection to an agent. Each call has a deadline and says whose agent failed: unavailable when nobody listens
// or the connection ends, timed_out when nothing comes in time, internal when what comes is not our protocol.

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/wire.h"
#include "os/file.h"

namespace mayfly::agent_client {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

/// Where an agent listens, and how to call it in messages.
struct Address {
  std::string path;
  std::string who;
};

/// A socket that is connected and does not block; none when the agent's queue of callers is full at this moment.
Result<std::optional<os::Fd>> dial(const Address& address);

struct Reply {
  std::string fields;
  std::string content;
  os::Fd tunnel = {};  // of a call that keeps its connection
};

/// Puts a reply together from the bytes of a connection.
class ReplyReader {
 public:
  /// Without a limit the operation answers with fields alone.
  ReplyReader(std::string who, std::optional<std::size_t> content_limit)
      : who_(std::move(who)), content_limit_(content_limit) {}

  /// True once the reply is complete. An error that the agent tells of is an error here. Anything that is not a
  /// reply, or is too much of one: Code::internal.
  Result<bool> take(std::string_view bytes);
  Reply reply() { return std::move(reply_); }
  /// How much of the current frame, or of its header, is missing. More than that may belong to somebody else.
  std::size_t missing() const { return (header_ ? header_->length : wire::header_size) - pending_.size(); }

 private:
  Result<bool> take_frame();

  std::string who_;
  std::optional<std::size_t> content_limit_;
  std::string pending_;  // the frame that is not complete yet
  std::optional<wire::Header> header_;
  bool answered_ = false;
  Reply reply_;
};

class Connection {
 public:
  static Result<Connection> open(const Address& address, Deadline until);

  /// One request and its whole reply.
  Result<Reply> call(std::string_view request, std::optional<std::size_t> content_limit, Deadline until);

  // For requests with content on its way: these take no byte beyond their frame.
  Status send(std::string_view bytes, Deadline until);
  Result<std::string> receive_answer(Deadline until);  // its fields
  Result<wire::Header> receive_header(Deadline until);
  Result<std::string> receive_body(const wire::Header& header, Deadline until);
  /// At least one byte into `room`.
  Result<std::size_t> receive(std::span<char> room, Deadline until);

  /// Whether there is anything to receive, the end of the connection included, by then.
  bool readable(Deadline until) const;
  /// The other side and every call here find the connection ended. From any thread.
  void shut();

  tl::unexpected<Error> nonsense(std::string_view what) const;

 private:
  Connection(os::Fd socket, std::string who) : socket_(std::move(socket)), who_(std::move(who)) {}
  Status wait_for(short events, Deadline until) const;
  Status receive_all(std::span<char> room, Deadline until);

  os::Fd socket_;
  std::string who_;
};

tl::unexpected<Error> nonsense(std::string_view who, std::string_view what);
tl::unexpected<Error> hung_up(std::string_view who);
tl::unexpected<Error> too_late(std::string_view who);

}  // namespace mayfly::agent_client
