#include "driver/agent_client/file_stream.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace mayfly::agent_client {

namespace {

using wire::Kind;

class FileSource : public Source {
 public:
  FileSource(Connection connection, std::int64_t most, Duration patience)
      : connection_(std::move(connection)), left_(most), patience_(patience) {}

  Result<std::size_t> read(std::span<char> room) override {
    if (trouble_) return tl::unexpected(*trouble_);
    auto got = read_some(room);
    // A stream that broke stays broken: the next bytes could be anything.
    if (!got) trouble_ = got.error();
    return got;
  }

 private:
  Result<std::size_t> read_some(std::span<char> room) {
    if (ended_ || room.empty()) return 0;
    const auto until = Clock::now() + patience_;
    if (in_frame_ == 0) TRY(next_frame(until));
    if (ended_) return 0;
    const auto got = TRY(connection_->receive(room.first(std::min(room.size(), in_frame_)), until));
    in_frame_ -= got;
    return got;
  }

  Status next_frame(Deadline until) {
    const auto header = TRY(connection_->receive_header(until));
    if (header.kind == Kind::error) TRY(connection_->receive_body(header, until));  // which is the error
    if (header.kind == Kind::end && header.length == 0) {
      ended_ = true;
      connection_.reset();
      return {};
    }
    if (header.kind != Kind::data || header.length == 0) return connection_->nonsense("a frame out of its order");
    if (header.length > left_) return connection_->nonsense("more of the file than was asked for");
    in_frame_ = header.length;
    left_ -= header.length;
    return {};
  }

  std::optional<Connection> connection_;
  std::int64_t left_;
  const Duration patience_;
  std::size_t in_frame_ = 0;
  bool ended_ = false;
  std::optional<Error> trouble_;
};

/// An agent that refuses us may have hung up before it read the request; what it said is still there to be read.
Result<std::string> ask(Connection& connection, std::string_view request, Deadline until) {
  if (const auto sent = connection.send(request, until); !sent && sent.error().code != Code::unavailable)
    return tl::unexpected(sent.error());
  return connection.receive_answer(until);
}

/// What the agent said instead of taking our content, or else that it did not take it.
Status refusal(Connection& connection, Error trouble, Deadline until) {
  if (trouble.code != Code::unavailable) return tl::unexpected(std::move(trouble));
  const auto header = connection.receive_header(until);
  if (!header || header->kind != Kind::error) return tl::unexpected(std::move(trouble));
  return tl::unexpected(connection.receive_body(*header, until).error());
}

}  // namespace

Result<std::unique_ptr<Source>> open_file(Connection connection, std::string_view request, std::int64_t length,
                                          Duration patience) {
  const auto fields = TRY(ask(connection, request, Clock::now() + patience));
  wire::Reader reader(fields);
  reader.integer(-1);
  if (const auto well = reader.end("the answer"); !well) return connection.nonsense(well.error().message);
  const auto most = length < 0 ? std::numeric_limits<std::int64_t>::max() : length;
  return std::make_unique<FileSource>(std::move(connection), most, patience);
}

Status replace_file(Connection& connection, std::string_view request, Source& content, Duration patience) {
  TRY(ask(connection, request, Clock::now() + patience));
  std::string frame(wire::header_size + wire::chunk_size, '\0');
  for (;;) {
    const auto got = TRY(content.read(std::span(frame).subspan(wire::header_size)));
    const auto header =
        wire::encode({got > 0 ? Kind::data : Kind::end, wire::Operation::none, static_cast<std::uint32_t>(got)});
    std::copy(header.begin(), header.end(), frame.begin());
    const auto until = Clock::now() + patience;
    const auto sent = connection.send(std::string_view(frame).substr(0, wire::header_size + got), until);
    if (!sent) return refusal(connection, sent.error(), until);
    if (got == 0) break;
  }
  TRY(connection.receive_answer(Clock::now() + patience));
  return {};
}

}  // namespace mayfly::agent_client
