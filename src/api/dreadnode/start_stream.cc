#include "api/dreadnode/start_stream.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "api/dreadnode/errors.h"
#include "api/dreadnode/lifecycle.h"
#include "api/dreadnode/render.h"

namespace mayfly::api::dreadnode {

namespace {

using boost::json::object;

// How often the row is looked at: a start takes some 25 ms, and a look some microseconds.
constexpr auto glance = std::chrono::milliseconds(5);
// So that proxies and clients see that somebody is there.
constexpr auto ping_after = std::chrono::seconds(10);

/// What the call that starts will have answered. It outlives whoever reads.
struct Outcome {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Result<RuntimeView>> answer;
  bool left = false;
};

class StartEvents final : public http::BodySource {
 public:
  StartEvents(Services& services, Caller caller, http::Request request, std::shared_ptr<Streams::Place> place)
      : services_(services), caller_(std::move(caller)), request_(std::move(request)), place_(std::move(place)) {
    place_->on_stop([outcome = outcome_] { leave(*outcome); });
  }

  void begin(const std::string& id, const RuntimeStart& wish, const Once& once) {
    id_ = id;
    services_.runtimes.start(caller_, id, wish,
                             [outcome = outcome_](Result<RuntimeView> answer) {
                               std::lock_guard guard(outcome->mutex);
                               outcome->answer.emplace(std::move(answer));
                               outcome->changed.notify_all();
                             },
                             once);
  }

  Result<std::size_t> read(std::span<char> room) override {
    while (given_ == ready_.size()) {
      if (over_) return 0;
      ready_.clear();
      given_ = 0;
      TRY(go_on());
    }
    const auto size = std::min(room.size(), ready_.size() - given_);
    std::memcpy(room.data(), ready_.data() + given_, size);
    given_ += size;
    return size;
  }

  void cancel() override { leave(*outcome_); }

 private:
  static void leave(Outcome& outcome) {
    std::lock_guard guard(outcome.mutex);
    outcome.left = true;
    outcome.changed.notify_all();
  }

  Status go_on() {
    std::unique_lock guard(outcome_->mutex);
    outcome_->changed.wait_for(guard, glance, [&] { return outcome_->answer || outcome_->left; });
    if (outcome_->left && !outcome_->answer)
      return fail(Code::unavailable, "the server is stopping, or nobody reads; the start goes on", "stopping");
    if (!outcome_->answer) {
      guard.unlock();
      look();
      return {};
    }
    const auto& answer = *outcome_->answer;
    if (answer) {
      tell_progress(*answer);
      put("result", render_started(services_, *answer, caller_, request_));
    } else {
      put("error", envelope(answer.error()));
    }
    over_ = true;
    return {};
  }

  void look() {
    const auto view = services_.runtimes.get(caller_, id_);
    if (view) tell_progress(*view);
    if (ready_.empty() && std::chrono::steady_clock::now() - told_at_ > ping_after) {
      ready_ = ": ping\n\n";
      told_at_ = std::chrono::steady_clock::now();
    }
  }

  /// A phase is the state of the sandbox, and a failed attempt is told with its number.
  void tell_progress(const RuntimeView& view) {
    if (!view.sandbox) return;
    const auto& sandbox = *view.sandbox;
    const std::string phase(name(sandbox.resource.state));
    const auto mark =
        sandbox.resource.id.text + phase + std::to_string(sandbox.work.attempts) + sandbox.work.last_error;
    if (mark == told_) return;
    told_ = mark;
    object event = {{"phase", phase},
                    {"sandbox_id", dashed(uid_of(sandbox.resource.id))},
                    {"attempt", sandbox.work.attempts},
                    {"elapsed_sec", seconds(view.now - sandbox.resource.created_at)}};
    if (!sandbox.work.last_error.empty()) event["message"] = render(view, caller_).at("last_error");
    put("progress", std::move(event));
  }

  void put(std::string_view type, const object& data) {
    ready_ += "event: " + std::string(type) + "\ndata: " + boost::json::serialize(data) + "\n\n";
    told_at_ = std::chrono::steady_clock::now();
  }

  Services& services_;
  const Caller caller_;
  const http::Request request_;
  const std::shared_ptr<Streams::Place> place_;
  const std::shared_ptr<Outcome> outcome_ = std::make_shared<Outcome>();
  std::string id_, told_, ready_;
  std::size_t given_ = 0;
  bool over_ = false;
  std::chrono::steady_clock::time_point told_at_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<http::Response> stream_start(Services& services, const Caller& caller, const Once& once,
                                    const http::Request& request) {
  const auto wish = TRY(read_start(request.body));
  // What can be refused before anything is under way is refused with its own status.
  const auto view = TRY(services.runtimes.get(caller, request.param("id")));
  TRY(Runtimes::require_owner(caller, view.runtime));
  auto events =
      std::make_shared<StartEvents>(services, caller, request, TRY(services.execution.streams().take(caller)));
  events->begin(request.param("id"), wish, once);
  http::Response response;
  response.headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}};
  response.stream = std::move(events);
  return response;
}

}  // namespace mayfly::api::dreadnode
