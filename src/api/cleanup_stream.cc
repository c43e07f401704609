#include "api/cleanup_stream.h"

#include <boost/json.hpp>

#include "api/native/process_records.h"

namespace mayfly::api {

namespace {

using native::RecordForm;

// A proxy in between, and a reader behind it, learn by it that somebody is still there.
constexpr Duration heartbeat = 15s;

class CleanupRecords final : public http::BodySource {
 public:
  CleanupRecords(std::shared_ptr<CleanupNews> news, std::shared_ptr<Streams::Place> place, RecordForm form, TaskId id,
                 CleanupWords words)
      : news_(std::move(news)), place_(std::move(place)), form_(form), id_(std::move(id)), words_(std::move(words)) {}

  Result<std::size_t> read(std::span<char> room) override {
    while (given_ == ready_.size()) {
      if (over_) return 0;
      ready_.clear();
      given_ = 0;
      take(news_->next(heartbeat));
    }
    const auto size = ready_.copy(room.data(), room.size(), given_);
    given_ += size;
    return size;
  }

  void cancel() override { news_->cancel(); }

 private:
  void take(Result<CleanupNews::Look> look) {
    if (look && look->cancelled && !look->ended) look = fail(Code::unavailable, "the server is stopping", "stopping");
    if (!look) {
      over_ = true;
      return put("error", {{"problem", words_.problem(look.error())}});
    }
    if (look->changed.empty() && !look->ended) {
      if (form_ == RecordForm::events) ready_ += ": ping\n\n";
      else put("ping", {});
      return;
    }
    for (const auto& task : look->changed) {
      put("task", {{"task", words_.task(task)}});
      if (task.id == id_) status_ = name(status_of(task.phase));
    }
    put("progress", {{"progress", words_.progress(look->progress)}});
    if (!look->ended) return;
    over_ = true;
    put("end", {{"status", status_}});
  }

  void put(std::string_view type, boost::json::object fields) {
    boost::json::object record = {{"type", type}};
    for (auto& [name, value] : fields) record.emplace(name, std::move(value));
    const auto text = boost::json::serialize(record);
    if (form_ == RecordForm::lines) ready_ += text + "\n";
    else ready_ += "event: " + std::string(type) + "\ndata: " + text + "\n\n";
  }

  const std::shared_ptr<CleanupNews> news_;
  const std::shared_ptr<Streams::Place> place_;
  const RecordForm form_;
  const TaskId id_;
  const CleanupWords words_;
  std::string status_;
  std::string ready_;         // what is to be sent next
  std::size_t given_ = 0;     // of it
  bool over_ = false;
};

}  // namespace

Result<http::Response> follow_cleanup(Services& services, const Caller& caller, const http::Request& request,
                                      CleanupWords words) {
  const TaskId id{request.param("id")};
  std::shared_ptr<CleanupNews> news = TRY(services.cleanup_control.follow(caller, id));
  auto place = TRY(services.execution.streams().take(caller));
  place->on_stop([news] { news->cancel(); });
  const auto form = native::record_form_of(request).value_or(RecordForm::events);
  http::Response response;
  response.headers = {{"Content-Type", form == RecordForm::lines ? "application/x-ndjson" : "text/event-stream"},
                      {"Cache-Control", "no-store"}};
  response.stream = std::make_shared<CleanupRecords>(std::move(news), std::move(place), form, id, std::move(words));
  return response;
}

}  // namespace mayfly::api
