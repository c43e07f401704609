#include "api/native/handler.h"
#include "api/native/process_records.h"

namespace mayfly::api::native {

namespace {

// A process that reads nothing for so long is told of, and the caller decides. In turns, so that a server that stops
// is not kept by it.
constexpr int feed_turns = 10;
constexpr Duration feed_turn = 1s;

/// What came of it. The count stands in a header, so that a refusal has it as well.
struct Given {
  std::int64_t bytes = 0;
  bool closed = false;
  Status done;
};

tl::unexpected<Error> full(std::int64_t process, std::int64_t taken) {
  return fail(Code::timed_out,
              "process " + std::to_string(process) + " took " + std::to_string(taken) + " bytes and reads no more of " +
                  "its stdin: nothing went into its pipe for " + std::to_string(feed_turns * feed_turn / 1s) +
                  " s. Send the rest again when it does",
              "stdin_full");
}

/// The body as it arrives: it is read no faster than the process reads.
Status give(Execution& execution, const Incarnation& to, std::int64_t process, http::BodyReader& body, Given& given) {
  std::string room(Agent::feed_limit, '\0');
  for (;;) {
    const auto size = TRY(body.read(room));
    if (size == 0) return {};
    int idle_turns = 0;
    for (std::string_view rest(room.data(), size); !rest.empty();) {
      const auto fed = TRY(execution.agent().feed(to, process, rest, false, feed_turn));
      given.bytes += fed.taken;
      idle_turns = fed.taken == 0 ? idle_turns + 1 : 0;
      if (idle_turns == feed_turns) return full(process, given.bytes);
      if (fed.taken == 0 && execution.streams().stopping())
        return fail(Code::unavailable, "the server is stopping; the rest may be sent again", "stopping");
      rest.remove_prefix(static_cast<std::size_t>(fed.taken));
    }
  }
}

Result<http::Response> feed(Services& services, const Caller& caller, const http::Request& request,
                            http::BodyReader& body) {
  TRY(only_query(request, {"close"}));
  const bool close = TRY(query_flag(request, "close", false));
  if (request.header("Idempotency-Key"))
    return fail(Code::invalid,
                "bytes that are appended twice stand there twice, so this call takes no Idempotency-Key: "
                "X-Stdin-Written says how many of them were taken",
                "stream_not_repeatable");
  const auto id = TRY(process_id(request));
  const auto to = TRY(services.execution.use(caller, request.param("id"), Activity::exec));
  const auto place = TRY(services.execution.streams().take(caller));
  Given given;
  given.done = give(services.execution, to, id, body, given);
  // Also without bytes: whether it has a stdin that is open is told in any case.
  if (given.done && (close || given.bytes == 0)) {
    const auto end = services.execution.agent().feed(to, id, {}, close, Duration::zero());
    if (end) given.closed = end->closed;
    else given.done = tl::unexpected(end.error());
  }
  auto response = given.done ? ok({{"written", given.bytes}, {"closed", given.closed}})
                             : problem(given.done.error(), request.id);
  response.headers.emplace_back("X-Stdin-Written", std::to_string(given.bytes));
  return response;
}

}  // namespace

void add_process_input_route(http::Router& router, Services& services) {
  router.add({"POST", "/v1/sandboxes/{id}/processes/{process}/stdin",
              http::StreamingHandler([&services](const http::Request& request, http::BodyReader& body) {
                const auto caller = authenticate(services.access, request);
                if (!caller) return problem(caller.error(), request.id);
                return answer(feed(services, *caller, request, body), request);
              })});
}

}  // namespace mayfly::api::native
