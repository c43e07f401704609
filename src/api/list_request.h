#pragma once
// A list as clients ask for it, in a query string or in a body: the same members, the same refusals, in the spelling of
// the dialect that asks.

#include <boost/json.hpp>

#include "app/lists.h"
#include "http/message.h"

namespace mayfly::api {

/// A parameter that is short for a filter on one field.
struct ShortFilter {
  std::string_view param;   // "workspace_id"
  std::string_view field;   // "workspaceId"
  query::Op op = query::Op::eq;
  bool insensitive = false;
};

/// What a dialect makes of one list.
struct ListRules {
  query::Listed what;
  query::Spelling spelling = query::Spelling::camel;
  std::string order_param = "orderBy";
  std::vector<ShortFilter> shorts;
  std::vector<std::string> also;          // parameters that the dialect reads by itself
  std::size_t default_limit = query::limits::page;
  std::size_t most = query::limits::page;
  bool pages_both_ways = true;            // after and before; else `cursor`
  std::optional<query::Order> default_order = {};   // nothing: the newest first
  bool deleted_apart = false;             // what is in the trash is listed only where include_deleted asks for it
};

const std::vector<ShortFilter>& task_shorts();

/// All that was given, by name. From a body they may be of any type, from a query string they are texts.
using ListMembers = std::vector<std::pair<std::string, query::Value>>;

query::Read<ListMembers> members_of_query(const http::Request& request, const ListRules& rules);
query::Read<ListMembers> members_of_body(const std::string& body);
query::Read<ListWish> read_list(const ListMembers& members, const ListRules& rules, bool admin);

query::Value value_of(const boost::json::value& value);

/// For the native API, whose refusals are errors.
Error error_of(const query::Refusal& refusal);

}  // namespace mayfly::api
