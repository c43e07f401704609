#pragma once
// What the lists of this dialect have in common, and its calls under an Idempotency-Key.

#include <boost/json.hpp>

#include "api/aeontel/handler.h"
#include "api/aeontel/render.h"
#include "api/list_request.h"
#include "api/problem.h"

namespace mayfly::api::aeontel {

inline http::Response ok(const boost::json::value& body, int status = 200) {
  return json_response(status, boost::json::serialize(body));
}

/// {data, pageInfo}
template <class Item, class Render>
http::Response page_of(const ListPage<Item>& page, Render render) {
  boost::json::array data;
  for (const auto& item : page.items) data.push_back(render(item));
  return ok({{"data", std::move(data)},
             {"pageInfo",
              {{"total", page.total ? boost::json::value(*page.total) : boost::json::value()},
               {"totalRelation", page.total_exact ? "eq" : "gte"},
               {"hasNextPage", page.has_next},
               {"hasPreviousPage", page.has_previous},
               {"startCursor", or_null(page.start_cursor)},
               {"endCursor", or_null(page.end_cursor)}}}});
}

/// Who looks at a list: in the workspace that `workspace_id` names, as far as they may.
Result<Caller> caller_of(Services& services, const http::Request& request, const ListMembers& members);

/// The question of a list, or the refusal of it as an answer.
struct Asked {
  Caller caller;
  query::Listing listing;
};
tl::expected<Asked, http::Response> asked(Services& services, const http::Request& request,
                                          const query::Read<ListMembers>& members, const ListRules& rules);

/// A handler of a call that changes something. Under an Idempotency-Key a repeat is answered with the status and the
/// ids of the first one, and `repeated`.
http::BlockingHandler changing(Services& services, Body body);

/// No parameter but these, and none twice.
Status only_query(const http::Request& request, const std::vector<std::string>& known);

}  // namespace mayfly::api::aeontel
