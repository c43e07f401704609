#include "http/dispatch.h"

#include <variant>

namespace mayfly::http {

namespace {

constexpr const char* unnamed_exception = "something that is no std::exception";

bool status_without_body(int status) { return status < 200 || status == 204 || status == 304; }

void add_if_missing(Response& response, const char* name, const std::string& value) {
  if (!find(response.headers, name)) response.headers.emplace_back(name, value);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

Dispatch::Dispatch(const ServerOptions& options, const Router& router, std::function<void(const Finished&)> finished)
    : router_(router), finished_(std::move(finished)), seats_(options.stream_threads),
      pool_(options.pool_threads, options.queue_limit),
      // Seats bound what is submitted to it, so nothing waits there for long.
      stream_pool_(options.stream_threads, options.connection_limit) {}

void Dispatch::find_route(Exchange& x) const {
  auto& request = *x.head.request;
  auto match = router_.match(request.method, request.path);
  x.route = match.route;
  x.allowed = std::move(match.allowed);
  request.params = std::move(match.params);
}

bool Dispatch::wants_stream(const Exchange& x) const {
  return x.route && std::holds_alternative<StreamingHandler>(x.route->handler);
}

bool Dispatch::start(Exchange& x, const std::shared_ptr<BodyPipe>& body) {
  if (const auto& streamed = x.route->streamed; streamed && streamed->asked_for(x.request()))
    return take_seat(x) && run(stream_pool_, x, std::cref(streamed->handler));
  if (const auto* async = std::get_if<AsyncHandler>(&x.route->handler)) {
    run_async(*async, x);
    return true;
  }
  if (const auto* blocking = std::get_if<BlockingHandler>(&x.route->handler)) {
    if (!x.route->long_running) return run(pool_, x, std::cref(*blocking));
    return take_seat(x) && run(stream_pool_, x, std::cref(*blocking));
  }
  const auto& streaming = std::get<StreamingHandler>(x.route->handler);
  return take_seat(x) &&
         run(stream_pool_, x, [&streaming, body](const Request& request) { return streaming(request, *body); });
}

template <class Handle>
bool Dispatch::run(Pool& pool, const Exchange& x, Handle handle) {
  const std::shared_ptr<const Request> request = x.head.request;
  return pool.submit([handle = std::move(handle), request, mailbox = x.mailbox, seat = x.seat] {
    Answer answer;
    try {
      answer.response = handle(*request);
    } catch (const std::exception& thrown) {
      answer = {{.status = 500}, thrown.what()};
    } catch (...) {
      answer = {{.status = 500}, unnamed_exception};
    }
    mailbox->send(std::move(answer));
  });
}

void Dispatch::run_async(const AsyncHandler& handler, const Exchange& x) {
  const auto failed = [&](const char* what) {
    x.mailbox->send({{.status = 500}, what});
    // When the unwinding stack dropped the Responder, it has answered already, without a word of the reason.
    x.mailbox->answer->trouble = what;
  };
  try {
    handler(x.head.request,
            Responder([mailbox = x.mailbox](Response response) { mailbox->send({std::move(response), {}}); }));
  } catch (const std::exception& thrown) {
    failed(thrown.what());
  } catch (...) {
    failed(unnamed_exception);
  }
}

Answer Dispatch::refusal(const Exchange& x, int status, std::string_view detail) {
  ++refused_;
  Answer answer{router_.refusal(status, detail, x.request()), {}};
  if (status == 503) add_if_missing(answer.response, "Retry-After", "1");
  if (status == 405) add_if_missing(answer.response, "Allow", joined(x.allowed));
  return answer;
}

Answer Dispatch::shaped(const Exchange& x, Answer answer) const {
  const auto& r = answer.response;
  if (r.status < 400 || !r.headers.empty() || !r.body.empty() || r.stream) return answer;
  answer.response = router_.refusal(r.status, r.status == 500 ? "the request could not be handled" : "", x.request());
  return answer;
}

bool Dispatch::take_seat(Exchange& x) {
  if (x.seat) return true;
  auto taken = seats_taken_;
  if (taken->fetch_add(1) >= seats_) {
    taken->fetch_sub(1);
    return false;
  }
  x.seat = Seat(taken.get(), [taken](void*) { taken->fetch_sub(1); });
  return true;
}

void Dispatch::report(const Exchange& x, int status, std::string_view trouble) {
  ++requests_;
  if (!finished_) return;
  const auto took = std::chrono::steady_clock::now() - x.started;
  try {
    finished_({x.request(), x.route ? std::string_view(x.route->pattern) : std::string_view(), status,
               std::chrono::duration_cast<std::chrono::microseconds>(took), trouble});
  } catch (...) {
    // A log that cannot be written must not take the connection along.
  }
}

void Dispatch::stop() {
  pool_.stop();
  stream_pool_.stop();
}

bool goes_without_body(const Exchange& x, const Response& response) {
  return x.request().method == "HEAD" || status_without_body(response.status);
}

Framing framing_of(const Exchange& x, const Response& response, bool last) {
  Framing framing;
  const bool streams = response.stream && !goes_without_body(x, response);
  if (!status_without_body(response.status)) {
    framing.length = response.stream ? response.stream_length : std::optional<std::uint64_t>(response.body.size());
  }
  framing.chunked = streams && !framing.length && !x.head.old;
  const bool ends_with_connection = streams && !framing.length && x.head.old;
  const auto* wish = find(response.headers, "Connection");
  framing.close = last || !x.head.keep_alive || x.body_is_unread || ends_with_connection || (wish && *wish == "close");
  framing.say_keep_alive = x.head.old;
  return framing;
}

}  // namespace mayfly::http
