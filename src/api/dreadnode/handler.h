#pragma once
// The frame around every handler of this dialect: how old the client is, who calls, in which workspace, and the one way
// an error becomes an answer.

#include <functional>

#include "api/dreadnode/errors.h"
#include "api/services.h"
#include "http/router.h"

namespace mayfly::api::dreadnode {

using Body = std::function<Result<http::Response>(const Caller&, const Once&, const http::Request&)>;
/// Answers later; runs on the I/O thread.
using AsyncBody =
    std::function<void(const Caller&, const Once&, std::shared_ptr<const http::Request>, http::Responder)>;

/// A handler that blocks for a transaction or two.
http::BlockingHandler blocking(Services& services, Body body);
http::AsyncHandler parked(Services& services, AsyncBody body);
/// The same on a thread that may block, holding the place of its Idempotency-Key until it is answered.
http::AsyncHandler waiting(Services& services, AsyncBody body);

http::Response ok(const boost::json::value& body, int status = 200);

/// A page of one list, and what its cursors are bound to.
struct BoundPage : Page {
  query::Binding binding;
};
Result<BoundPage> page_of(const Services& services, const Caller& caller, const http::Request& request);
/// The rows are of a page one longer: whether there is a next page is known and not guessed. `id_of` gives what it
/// begins after.
Page one_more(const BoundPage& page);
template <class Rows, class Render, class IdOf>
boost::json::object list_of(const Services& services, Rows rows, const BoundPage& page, Render render, IdOf id_of) {
  const bool more = rows.size() > page.limit;
  if (more) rows.pop_back();
  boost::json::array items;
  for (const auto& row : rows) items.push_back(render(row));
  boost::json::object body = {{"items", std::move(items)}, {"next_cursor", nullptr}};
  if (more) body["next_cursor"] = services.lists.cursors().make(page.binding, {id_of(rows.back())});
  return body;
}

/// The values of a parameter that is given several times or as a list with commas.
std::vector<std::string> words_of(const http::Request& request, std::string_view name);
tl::unexpected<Error> bad_query(const std::string& name, const std::string& expected, const std::string& found);

}  // namespace mayfly::api::dreadnode
