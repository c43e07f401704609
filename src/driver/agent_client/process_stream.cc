#include "driver/agent_client/process_stream.h"

#include "driver/agent_client/messages.h"

namespace mayfly::agent_client {

namespace {

using wire::Kind;

class Followed final : public ProcessStream {
 public:
  Followed(Connection connection, Process process, const LogView& view, Duration patience)
      : connection_(std::move(connection)), process_(std::move(process)), at_(view.from), patience_(patience) {}

  const Process& process() const override { return process_; }

  Result<ProcessNews> next(Duration patience) override {
    if (!connection_.readable(Clock::now() + patience)) return ProcessNews();
    const auto until = Clock::now() + patience_;
    const auto header = TRY(connection_.receive_header(until));
    const auto body = TRY(connection_.receive_body(header, until));
    if (header.kind != Kind::data) return connection_.nonsense("a frame out of its order");
    auto news = read_news(body);
    if (!news) return connection_.nonsense(news.error().message);
    if (news->kind == ProcessNews::Kind::output) TRY(place(*news));
    return std::move(*news);
  }

  void cancel() override { connection_.shut(); }

 private:
  /// What lies between the end of the last piece and this one is lost.
  Status place(ProcessNews& news) {
    auto& at = at_[news.stream == LogStream::out ? 0 : 1];
    if (news.start < at) return connection_.nonsense("a piece of output that was given before");
    news.dropped = news.start - at;
    at = news.start + static_cast<std::int64_t>(news.bytes.size());
    return {};
  }

  Connection connection_;
  const Process process_;
  std::array<std::int64_t, 2> at_;
  const Duration patience_;
};

}  // namespace

Result<std::unique_ptr<ProcessStream>> open_process_stream(Connection connection, std::string_view request,
                                                           const LogView& view, Duration patience) {
  const auto until = Clock::now() + patience;
  // An agent that refuses us may have hung up before it read the request; what it said is still there to be read.
  if (const auto sent = connection.send(request, until); !sent && sent.error().code != Code::unavailable)
    return tl::unexpected(sent.error());
  Reply reply;
  reply.fields = TRY(connection.receive_answer(until));
  auto process = read_process(reply);
  if (!process) return connection.nonsense(process.error().message);
  return std::make_unique<Followed>(std::move(connection), std::move(*process), view, patience);
}

}  // namespace mayfly::agent_client
