#include "api/list_request.h"

#include <algorithm>
#include <charconv>

#include "base/nearest.h"
#include "core/query/filter.h"
#include "core/query/operand.h"
#include "json/reader.h"

namespace mayfly::api {

using query::Condition;
using query::Read;
using query::Refusal;
using query::Value;

const std::vector<ShortFilter>& task_shorts() {
  static const std::vector<ShortFilter> all = {{"status", "status"},
                                               {"resource_type", "resourceType"},
                                               {"workspace_id", "workspaceId"},
                                               {"parent_id", "parentId"},
                                               {"source_event_id", "sourceEventId"}};
  return all;
}

namespace {

// What many proxies let through in one line; a body takes more.
constexpr std::size_t longest_filter = 8 * 1024;
constexpr std::size_t most_ids = 100;

tl::unexpected<Refusal> refuse(std::string code, const std::string& param, const std::string& expected,
                               const std::string& found) {
  return tl::unexpected(
      Refusal{std::move(code), param + " must be " + expected + "; got " + found, param, {}, expected, found, {}});
}

/// Reads the members one after the other; the first refusal stands.
class Reader {
 public:
  Reader(const ListMembers& members, const ListRules& rules, bool admin)
      : members_(members), rules_(rules), entity_(query::entity(rules.what)), admin_(admin) {}

  Read<ListWish> read() {
    for (const auto& step : {&Reader::names, &Reader::limit, &Reader::cursors, &Reader::total, &Reader::conditions,
                             &Reader::order})
      if (auto refusal = (this->*step)()) return tl::unexpected(std::move(*refusal));
    return std::move(wish_);
  }

 private:
  using Trouble = std::optional<Refusal>;

  const Value* member(std::string_view name) const {
    const auto found = std::ranges::find(members_, name, &ListMembers::value_type::first);
    return found == members_.end() || found->second.null() ? nullptr : &found->second;
  }

  Trouble wrong(const std::string& code, const std::string& param, const std::string& expected, const Value& found) {
    return refuse(code, param, expected, query::describe(found)).value();
  }

  Trouble names() {
    std::vector<std::string> known = {"limit", "ids", "filter", rules_.order_param, "steps", "total"};
    if (rules_.pages_both_ways) known.insert(known.end(), {"after", "before"});
    else known.push_back("cursor");
    for (const auto& one : rules_.shorts) known.emplace_back(one.param);
    if (rules_.deleted_apart) known.push_back("include_deleted");
    known.insert(known.end(), rules_.also.begin(), rules_.also.end());
    for (const auto& [name, value] : members_) {
      if (std::ranges::find(known, name) != known.end()) continue;
      const auto near = nearest(name, known);
      const std::string shown(query::cut(name));
      return Refusal{"unknown_parameter",
                     "no such query parameter: " + shown + (near ? "; did you mean " + *near + "?" : ""), shown, {}, {},
                     {}, known};
    }
    return {};
  }

  Trouble limit() {
    wish_.limit = rules_.default_limit;
    const auto* value = member("limit");
    if (!value) return {};
    std::optional<std::int64_t> number;
    if (const auto* whole = value->as<std::int64_t>()) number = *whole;
    if (const auto* text = value->as<std::string>()) {
      std::int64_t read = 0;
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), read);
      if (error == std::errc() && end == text->data() + text->size()) number = read;
    }
    if (number && *number >= 1 && *number <= static_cast<std::int64_t>(rules_.most)) {
      wish_.limit = static_cast<std::size_t>(*number);
      return {};
    }
    const auto* text = value->as<std::string>();
    const auto found = number ? std::to_string(*number) : text ? query::in_quotes(*text) : query::describe(*value);
    return refuse("invalid_limit", "limit", "an integer from 1 to " + std::to_string(rules_.most), found).value();
  }

  Trouble cursors() {
    if (!rules_.pages_both_ways) {
      wish_.after_param = "cursor";
      return cursor("cursor", wish_.after);
    }
    if (member("after") && member("before"))
      return Refusal{"cursor_conflict",
                     "after and before stand beside each other: a page begins after one row, or ends before one",
                     "before", {}, {}, {}, {}};
    if (auto trouble = cursor("after", wish_.after)) return trouble;
    return cursor("before", wish_.before);
  }

  Trouble cursor(const std::string& name, std::optional<std::string>& into) {
    const auto* value = member(name);
    if (!value) return {};
    const auto* text = value->as<std::string>();
    if (!text) {
      auto refusal = wrong("invalid_cursor", name, "a cursor of this list", *value);
      refusal->found = "malformed";
      return refusal;
    }
    into = *text;
    return {};
  }

  Trouble total() {
    const auto* value = member("total");
    if (!value) return {};
    const auto* text = value->as<std::string>();
    if (text && *text == "exact") wish_.total = query::Total::exact;
    else if (text && *text == "bounded") wish_.total = query::Total::bounded;
    else if (text && *text == "none") wish_.total = query::Total::none;
    else return wrong("invalid_parameter", "total", "exact, bounded or none", *value);
    return {};
  }

  Trouble conditions() {
    std::vector<Condition> parts;
    if (auto trouble = without_steps(parts)) return trouble;
    for (const auto& one : rules_.shorts) {
      const auto* value = member(one.param);
      if (!value) continue;
      const auto place = query::place_of(entity_, one.field);
      const auto* text = value->as<std::string>();
      if (!text) return wrong("invalid_parameter", std::string(one.param), "a string", *value);
      auto operand = query::read_operand(*text, entity_.fields[place], std::string(one.param));
      if (!operand) return std::move(operand).error();
      parts.push_back(Condition::test(place, one.op, {std::move(*operand)}));
      parts.back().insensitive = one.insensitive;
    }
    if (auto trouble = deleted(parts)) return trouble;
    if (auto trouble = ids(parts)) return trouble;
    if (auto trouble = filter(parts)) return trouble;
    wish_.where = Condition::all(std::move(parts));
    return {};
  }

  /// Steps are found by those who know where they are; a list is of what was deleted.
  Trouble without_steps(std::vector<Condition>& parts) {
    const auto place = query::field_named(entity_, "step");
    const auto* value = member("steps");
    bool steps = member("ids") || member("parent_id");
    if (value) {
      const auto* text = value->as<std::string>();
      const auto* flag = value->as<bool>();
      if (!flag && !(text && (*text == "true" || *text == "false")))
        return wrong("invalid_parameter", "steps", "true or false", *value);
      steps = flag ? *flag : *text == "true";
    }
    if (place && !steps) parts.push_back(Condition::test(*place, query::Op::eq, {std::int64_t{0}}));
    return {};
  }

  /// false (the default): not what is in the trash, nor what lies in something that is; true: both; only: just that.
  Trouble deleted(std::vector<Condition>& parts) {
    if (!rules_.deleted_apart) return {};
    const auto* value = member("include_deleted");
    const auto* text = value ? value->as<std::string>() : nullptr;
    const auto* flag = value ? value->as<bool>() : nullptr;
    const auto word = text ? *text : flag && *flag ? std::string("true") : std::string("false");
    if ((value && !text && !flag) || (word != "true" && word != "false" && word != "only"))
      return wrong("invalid_parameter", "include_deleted", "true, false or only", *value);
    if (word == "true") return {};
    const auto place = query::place_of(entity_, "deletedAt");
    parts.push_back(Condition::test(place, word == "only" ? query::Op::not_null : query::Op::is_null));
    if (word == "only") return {};
    for (const auto& relation : entity_.relations) {
      if (relation.name != "parent" || relation.many) continue;
      const auto there = query::place_of(query::entity(relation.target), "deletedAt");
      parts.push_back(Condition::related(relation, query::Quantifier::some,
                                         Condition::test(there, query::Op::is_null)));
    }
    return {};
  }

  Trouble ids(std::vector<Condition>& parts) {
    const auto* value = member("ids");
    if (!value) return {};
    std::vector<query::Datum> ids;
    const auto add = [&](const std::string& id) {
      if (std::ranges::find(ids, query::Datum(id)) == ids.end()) ids.emplace_back(id);
    };
    if (const auto* text = value->as<std::string>()) {
      for (std::size_t at = 0; at <= text->size() && !text->empty();) {
        const auto end = std::min(text->find(',', at), text->size());
        add(text->substr(at, end - at));
        at = end + 1;
      }
    } else if (const auto* items = value->as<query::Items>()) {
      for (const auto& item : *items) {
        if (!item.as<std::string>()) return wrong("invalid_ids", "ids", "a list of ids", item);
        add(*item.as<std::string>());
      }
    } else {
      return wrong("invalid_ids", "ids", "a list of ids", *value);
    }
    for (const auto& id : ids)
      if (!query::operand_of({std::get<std::string>(id)}, entity_.fields[0]).datum)
        return refuse("invalid_ids", "ids", "a list of ids", "one with a character that no id has").value();
    if (ids.size() > most_ids)
      return refuse("invalid_ids", "ids", "at most " + std::to_string(most_ids) + " ids", std::to_string(ids.size()))
          .value();
    parts.push_back(Condition::test(0, query::Op::in, std::move(ids)));
    return {};
  }

  Trouble filter(std::vector<Condition>& parts) {
    const auto* value = member("filter");
    if (!value) return {};
    const auto hops = admin_ ? query::limits::admin_hops : query::limits::hops;
    auto condition = query::read_filter(*value, {entity_, rules_.spelling, hops, "filter"});
    if (!condition) return std::move(condition).error();
    parts.push_back(std::move(*condition));
    return {};
  }

  Trouble order() {
    auto order = query::read_order(member(rules_.order_param), entity_, rules_.spelling, rules_.order_param);
    if (!order) return std::move(order).error();
    wish_.order = std::move(*order);
    if (rules_.default_order && !member(rules_.order_param))
      wish_.order = query::shortest(*rules_.default_order, entity_);
    return {};
  }

  const ListMembers& members_;
  const ListRules& rules_;
  const query::Entity& entity_;
  const bool admin_;
  ListWish wish_;
};

/// "filter is not valid JSON at byte 17: expected ..."
Refusal not_json(const std::string& param, const std::string& trouble) {
  constexpr std::string_view begins = "the JSON is broken";
  auto message = trouble;
  if (message.starts_with(begins)) message.replace(0, begins.size(), param + " is not valid JSON");
  return {"invalid_json", std::move(message), param, {}, {}, {}, {}};
}

}  // namespace

Value value_of(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null: return {};
    case boost::json::kind::bool_: return {value.get_bool()};
    case boost::json::kind::int64: return {value.get_int64()};
    case boost::json::kind::uint64: return {static_cast<double>(value.get_uint64())};
    case boost::json::kind::double_: return {value.get_double()};
    case boost::json::kind::string: return {std::string(value.get_string())};
    case boost::json::kind::array: {
      query::Items items;
      for (const auto& item : value.get_array()) items.push_back(value_of(item));
      return {std::move(items)};
    }
    case boost::json::kind::object: {
      query::Members members;
      for (const auto& member : value.get_object()) members.emplace_back(member.key(), value_of(member.value()));
      return {std::move(members)};
    }
  }
  return {};
}

Read<ListMembers> members_of_query(const http::Request& request, const ListRules& rules) {
  ListMembers members;
  for (const auto& [name, text] : request.query) {
    if (std::ranges::find(members, name, &ListMembers::value_type::first) != members.end())
      return refuse("invalid_parameter", std::string(query::cut(name)), "given once", "it again");
    if (name != "filter" && name != rules.order_param) {
      members.emplace_back(name, Value{text});
      continue;
    }
    if (text.size() > longest_filter)
      return refuse("filter_too_complex", name, "at most 8192 bytes in a query string, and more in a body",
                    std::to_string(text.size()));
    const auto value = json::parse(text);
    if (!value) return tl::unexpected(not_json(name, value.error().message));
    members.emplace_back(name, value_of(*value));
  }
  return members;
}

Read<ListMembers> members_of_body(const std::string& body) {
  if (body.empty()) return ListMembers();
  const auto value = json::parse(body);
  if (!value) return tl::unexpected(not_json("the body", value.error().message));
  if (!value->is_object()) return refuse("invalid_json", "the body", "a JSON object", json::describe(*value));
  auto members = value_of(*value);
  return std::get<query::Members>(std::move(members.is));
}

Read<ListWish> read_list(const ListMembers& members, const ListRules& rules, bool admin) {
  return Reader(members, rules, admin).read();
}

Error error_of(const Refusal& refusal) {
  const bool about_value = refusal.code == "invalid_parameter" || refusal.code == "invalid_limit" ||
                           refusal.code == "invalid_cursor" || refusal.code == "invalid_ids";
  const auto code = refusal.code == "unknown_parameter" ? std::string("query_unknown")
                    : about_value                       ? std::string("query_invalid")
                                                        : refusal.code;
  Error error{Code::invalid, refusal.message, code, {}};
  if (!refusal.expected.empty())
    error.fields.push_back({"query." + refusal.param + refusal.path, refusal.expected, refusal.found});
  return error;
}

}  // namespace mayfly::api
