#include "api/native/process_records.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "api/native/render.h"
#include "api/problem.h"
#include "json/bytes.h"

namespace mayfly::api::native {

namespace {

using json::as_text;

// A proxy in between, and a reader behind it, learn by it that somebody is still there.
constexpr Duration heartbeat = 15s;

std::string_view word(LogStream stream) { return stream == LogStream::out ? "stdout" : "stderr"; }

/// The news of a process as text. A piece is given as text when it is UTF-8, and as base64 when it is not; a character
/// that a piece ends in the middle of waits for its rest.
class Records final : public http::BodySource {
 public:
  Records(std::unique_ptr<ProcessStream> stream, RecordForm form, std::string request_id)
      : stream_(std::move(stream)), form_(form), request_id_(std::move(request_id)) {
    put("started", {{"process", render(stream_->process())}});
  }

  Result<std::size_t> read(std::span<char> room) override {
    while (given_ == ready_.size()) {
      if (over_) return 0;
      ready_.clear();
      given_ = 0;
      take(stream_->next(heartbeat));
    }
    const auto size = ready_.copy(room.data(), room.size(), given_);
    given_ += size;
    return size;
  }

  void cancel() override { stream_->cancel(); }

 private:
  struct Tail {
    std::string bytes;         // the beginning of a character
    std::int64_t start = 0;    // its offset in the stream
  };

  void take(Result<ProcessNews> news) {
    if (news && news->kind == ProcessNews::Kind::output) return put_output(*news);
    for (const auto stream : {LogStream::out, LogStream::err}) flush(stream);
    if (!news) {
      over_ = true;
      const auto told = problem(news.error(), request_id_);
      put("error", {{"problem", boost::json::parse(told.body)}});
    } else if (news->kind == ProcessNews::Kind::ended) {
      over_ = true;
      put_exit(news->process);
    } else if (form_ == RecordForm::events) {
      ready_ += ": ping\n\n";
    } else {
      put("ping", {});
    }
  }

  void put_output(ProcessNews& news) {
    if (news.dropped > 0) {
      flush(news.stream);
      put("dropped", {{"stream", word(news.stream)}, {"bytes", news.dropped}});
    }
    if (news.bytes.empty()) return;
    auto& tail = tail_of(news.stream);
    const auto start = tail.bytes.empty() ? news.start : tail.start;
    auto bytes = std::exchange(tail.bytes, {}) + news.bytes;
    const auto unfinished = json::unfinished_tail(bytes);
    const std::string_view whole(bytes.data(), bytes.size() - unfinished);
    if (!json::is_text(whole)) return put_bytes(news.stream, start, bytes);
    tail = {bytes.substr(whole.size()), start + static_cast<std::int64_t>(whole.size())};
    if (!whole.empty()) put(word(news.stream), {{"offset", start}, {"data", whole}});
  }

  void put_bytes(LogStream stream, std::int64_t start, std::string_view bytes) {
    put(word(stream), {{"offset", start}, {"data_base64", json::base64(bytes)}});
  }

  void flush(LogStream stream) {
    auto& tail = tail_of(stream);
    if (!tail.bytes.empty()) put_bytes(stream, tail.start, tail.bytes);
    tail.bytes.clear();
  }

  void put_exit(const Process& process) {
    auto all = render(process);
    boost::json::object fields;
    for (const auto* member : {"exit_code", "signal", "timed_out", "ran_seconds", "stdout_bytes", "stderr_bytes"})
      fields[member] = std::move(all[member]);
    put("exit", std::move(fields));
  }

  void put(std::string_view type, boost::json::object fields) {
    boost::json::object record = {{"type", type}};
    for (auto& [name, value] : fields) record.emplace(name, std::move(value));
    const auto text = boost::json::serialize(record);
    if (form_ == RecordForm::lines) ready_ += text + "\n";
    else ready_ += "event: " + std::string(type) + "\ndata: " + text + "\n\n";
  }

  Tail& tail_of(LogStream stream) { return tails_[stream == LogStream::out ? 0 : 1]; }

  const std::unique_ptr<ProcessStream> stream_;
  const RecordForm form_;
  const std::string request_id_;
  std::array<Tail, 2> tails_;
  std::string ready_;         // what is to be sent next
  std::size_t given_ = 0;     // of it
  bool over_ = false;
};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (auto& letter : lower) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return lower;
}

}  // namespace

/// What a process wrote, and what the agent says of it, are bytes: the agent belongs to whoever is root in there.
boost::json::object render(const Process& process) {
  boost::json::array argv;
  for (const auto& argument : process.argv) argv.emplace_back(as_text(argument));
  boost::json::object object = {{"id", process.id},
                                {"pid", process.pid},
                                {"name", text_or_null(as_text(process.name))},
                                {"argv", std::move(argv)},
                                {"running", process.running},
                                {"timed_out", process.timed_out},
                                {"exit_code", nullptr},
                                {"signal", nullptr},
                                {"age_seconds", seconds(process.age)},
                                {"ran_seconds", seconds(process.ran)},
                                {"stdout_bytes", process.stdout_bytes},
                                {"stderr_bytes", process.stderr_bytes}};
  if (!process.running) object["exit_code"] = process.exit_code;
  if (process.signal != 0) object["signal"] = process.signal;
  return object;
}

Result<std::int64_t> process_id(const http::Request& request) {
  const auto& text = request.param("process");
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error == std::errc() && end == text.data() + text.size() && id > 0) return id;
  return fail(Code::not_found, "no process \"" + text.substr(0, 40) + "\"", "process_not_found");
}

std::optional<RecordForm> record_form_of(const http::Request& request) {
  std::string wanted;
  for (const auto& [name, value] : request.headers)
    if (lower_case(name) == "accept") wanted += lower_case(value) + ",";
  for (std::size_t at = 0; at <= wanted.size();) {
    const auto comma = std::min(wanted.find(',', at), wanted.size());
    auto type = std::string_view(wanted).substr(at, comma - at);
    type = type.substr(0, type.find(';'));
    const auto first = type.find_first_not_of(" \t");
    if (first != type.npos) type = type.substr(first, type.find_last_not_of(" \t") - first + 1);
    if (type == "application/x-ndjson") return RecordForm::lines;
    if (type == "text/event-stream") return RecordForm::events;
    at = comma + 1;
  }
  return std::nullopt;
}

http::Response records(std::unique_ptr<ProcessStream> stream, RecordForm form, std::string request_id) {
  http::Response response;
  response.headers = {{"Content-Type", form == RecordForm::lines ? "application/x-ndjson" : "text/event-stream"},
                      {"Cache-Control", "no-store"}};
  response.stream = std::make_shared<Records>(std::move(stream), form, std::move(request_id));
  return response;
}

}  // namespace mayfly::api::native
