// Doctor and explain: what is wrong with this server, and why something is there or is not.

#include "core/host_words.h"
#include "api/native/handler.h"
#include "api/native/render.h"
#include "api/native/routes.h"
#include "json/bytes.h"

namespace mayfly::api::native {

namespace {

// As many as are shown at a time; whoever has more to mend asks again.
constexpr std::size_t most_to_mend = 1000;

boost::json::value words(std::string_view text) {
  return text.empty() ? boost::json::value() : boost::json::value(text);
}

/// Admins see names of the host: they are to act on it.
boost::json::object render(const reconcile::Finding& finding) {
  const auto& advice = reconcile::advise(finding.trouble);
  return {{"key", json::as_text(reconcile::key_of(finding))},
          {"trouble", reconcile::name(finding.trouble)},
          {"subject_id", text_or_null(finding.id.text)},
          {"where", json::as_text(finding.where)},
          {"since", time_or_null(finding.since)},
          {"text", json::as_text(finding.text)},
          {"by_itself", advice.by_itself},
          {"to_do", advice.to_do},
          {"fix", words(advice.fix)}};
}

boost::json::object render(const Report& report) {
  boost::json::array findings;
  for (const auto& finding : report.findings) findings.push_back(render(finding));
  return {{"clean", report.clean()},
          {"deep", report.deep},
          {"sandboxes", report.sandboxes},
          {"things", report.things},
          {"archives_read", report.archives_read},
          {"suspicious", report.suspicious},
          {"findings", std::move(findings)}};
}

/// Reading all archives back takes minutes: on a thread that may.
void examine(Services& services, const Caller& caller, std::shared_ptr<const http::Request> request,
             http::Responder respond) {
  const auto deep = [&]() -> Result<bool> {
    TRY(require(caller, Role::admin));
    TRY(only_query(*request, {"deep"}));
    return query_flag(*request, "deep", false);
  }();
  if (!deep) return respond(problem(deep.error(), request->id));
  services.post([&services, request, respond, deep = *deep] {
    const auto report = services.doctor.examine(deep);
    respond(report ? ok(render(*report)) : problem(report.error(), request->id));
  });
}

Result<std::vector<std::string>> read_keys(const std::string& body) {
  json::Reader reader(body);
  const auto keys = reader.optional_string_list("findings", most_to_mend, {.min = 1, .max = 4096});
  TRY(reader.finish());
  if (!keys || keys->empty())
    return fail(Code::invalid, "findings is needed: keys of findings, as GET /v1/doctor tells them",
                "findings_missing");
  return *keys;
}

void mend(Services& services, const Caller& caller, std::shared_ptr<const http::Request> request,
          http::Responder respond) {
  const auto keys = [&]() -> Result<std::vector<std::string>> {
    TRY(require(caller, Role::admin));
    TRY(only_query(*request, {}));
    return read_keys(request->body);
  }();
  if (!keys) return respond(problem(keys.error(), request->id));
  services.post([&services, caller, request, respond, keys = *keys] {
    const auto mended = services.doctor.mend(caller, keys);
    if (!mended) return respond(problem(mended.error(), request->id));
    boost::json::array items;
    for (const auto& each : *mended)
      items.push_back({{"key", json::as_text(each.key)},
                       {"outcome", name(each.outcome)},
                       {"cleanup_task_id", text_or_null(each.task.text)},
                       {"text", json::as_text(each.text)}});
    respond(ok({{"items", std::move(items)}}));
  });
}

boost::json::object render(const explain::Line& line) {
  return {{"at", time_or_null(line.at)}, {"text", json::as_text(without_host_words(line.text))}};
}

boost::json::array render(const std::vector<explain::Line>& lines) {
  boost::json::array all;
  for (const auto& line : lines) all.push_back(render(line));
  return all;
}

Result<http::Response> explanation(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  const auto told = TRY(services.explanations.of(caller, request.param("id")));
  boost::json::array steps;
  for (const auto& step : told.steps) steps.push_back(native::render(step));
  return ok({{"id", told.id},
             {"kind", told.kind},
             {"name", text_or_null(told.name)},
             {"state", text_or_null(told.state)},
             {"summary", json::as_text(without_host_words(told.summary))},
             {"reasons", render(told.reasons)},
             {"waits_for", render(told.waits_for)},
             {"cleanup_task_id", text_or_null(told.task.text)},
             {"steps", std::move(steps)},
             {"history", render(told.history)},
             {"history_cut", told.history_cut}});
}

}  // namespace

void add_doctor_routes(http::Router& router, Services& services) {
  router.add({"GET", "/v1/doctor",
              parked(services, [&services](const Caller& caller, std::shared_ptr<const http::Request> request,
                                           http::Responder respond) {
                examine(services, caller, std::move(request), std::move(respond));
              })});
  router.add({"POST", "/v1/doctor/fix",
              parked(services, [&services](const Caller& caller, std::shared_ptr<const http::Request> request,
                                           http::Responder respond) {
                mend(services, caller, std::move(request), std::move(respond));
              })});
  router.add({"GET", "/v1/explain/{id}",
              blocking(services, [&services](const Caller& caller, const http::Request& request) {
                return explanation(services, caller, request);
              })});
}

}  // namespace mayfly::api::native
