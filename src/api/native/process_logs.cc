#include "api/native/handler.h"
#include "api/native/process_records.h"

namespace mayfly::api::native {

namespace {

constexpr std::int64_t last_offset = std::int64_t{1} << 62;

/// One stream of a process as it grows, byte for byte. It has no words of its own: what breaks it off cuts it.
class RawLog final : public http::BodySource {
 public:
  explicit RawLog(std::unique_ptr<ProcessStream> stream) : stream_(std::move(stream)) {}

  Result<std::size_t> read(std::span<char> room) override {
    while (given_ == bytes_.size()) {
      if (over_) return 0;
      auto news = TRY(stream_->next(1h));
      over_ = news.kind == ProcessNews::Kind::ended;
      bytes_ = std::move(news.bytes);
      given_ = 0;
    }
    const auto size = bytes_.copy(room.data(), room.size(), given_);
    given_ += size;
    return size;
  }
  void cancel() override { stream_->cancel(); }

 private:
  const std::unique_ptr<ProcessStream> stream_;
  std::string bytes_;
  std::size_t given_ = 0;
  bool over_ = false;
};

Result<std::optional<LogStream>> stream_of(const http::Request& request) {
  const auto* word = request.query_value("stream");
  if (!word) return std::optional<LogStream>();
  if (*word == "stdout") return std::optional(LogStream::out);
  if (*word == "stderr") return std::optional(LogStream::err);
  return fail(Code::invalid, "stream must be stdout or stderr; got \"" + word->substr(0, 20) + "\"", "query_invalid");
}

/// Both streams, or the one that was named, and where each begins: `offset` is that of the one.
Result<LogView> view_of(const http::Request& request, std::optional<LogStream> stream) {
  LogView view;
  if (stream) view.streams = {*stream == LogStream::out, *stream == LogStream::err};
  view.from[0] = TRY(query_integer(request, "stdout_offset", 0, 0, last_offset));
  view.from[1] = TRY(query_integer(request, "stderr_offset", 0, 0, last_offset));
  if (!request.query_value("offset")) return view;
  if (!stream) return bad_query("offset", "given with stream=, or as stdout_offset and stderr_offset", "no stream");
  view.from[*stream == LogStream::out ? 0 : 1] = TRY(query_integer(request, "offset", 0, 0, last_offset));
  return view;
}

/// The bytes as they are; where they begin and how much was written in all stand in the header.
Result<http::Response> raw(Services& services, const Caller& caller, const http::Request& request, std::int64_t id,
                           LogStream stream, bool follow) {
  const auto offset = TRY(query_integer(request, "offset", 0, 0, last_offset));
  const auto to = TRY(services.execution.look(caller, request.param("id")));
  const auto limit = follow ? 0 : Agent::log_limit;
  const auto piece = TRY(services.execution.agent().log(to, id, stream, offset, limit, Duration::zero()));
  http::Response response;
  response.headers = {{"Content-Type", "application/octet-stream"},
                      {"X-Log-Start", std::to_string(piece.start)},
                      {"X-Log-Total", std::to_string(piece.total)},
                      {"X-Log-Dropped", std::to_string(piece.dropped)}};
  response.body = piece.bytes;
  if (!follow) return response;
  LogView view;
  view.streams = {stream == LogStream::out, stream == LogStream::err};
  view.from = {offset, offset};
  auto followed = TRY(services.execution.follow(caller, request.param("id"), id, view));
  response.stream = std::make_shared<RawLog>(std::move(followed));
  return response;
}

Result<http::Response> logs(Services& services, const Caller& caller, const http::Request& request) {
  const bool follow = TRY(query_flag(request, "follow", false));
  const auto form = record_form_of(request);
  const bool as_records = follow && form;
  TRY(as_records ? only_query(request, {"stream", "offset", "stdout_offset", "stderr_offset", "follow"})
                 : only_query(request, {"stream", "offset", "follow"}));
  const auto stream = TRY(stream_of(request));
  const auto id = TRY(process_id(request));
  if (!as_records) return raw(services, caller, request, id, stream.value_or(LogStream::out), follow);
  const auto view = TRY(view_of(request, stream));
  return records(TRY(services.execution.follow(caller, request.param("id"), id, view)), *form, request.id);
}

}  // namespace

void add_process_log_route(http::Router& router, Services& services) {
  router.add({"GET", "/v1/sandboxes/{id}/processes/{process}/logs",
              blocking(services, [&services](const Caller& caller, const http::Request& request) {
                return logs(services, caller, request);
              }),
              1 << 20, true});
}

}  // namespace mayfly::api::native
