#include "core/query/order.h"

#include <algorithm>

#include "base/nearest.h"
#include "core/query/trail.h"

namespace mayfly::query {

namespace {

constexpr std::string_view directions =
    "asc, desc, asc_nulls_first, asc_nulls_last, desc_nulls_first, desc_nulls_last";

/// asc_nulls_first, ascNullsFirst, ASC NULLS FIRST, asc-nulls-first are one.
std::string bare(std::string_view word) {
  std::string letters;
  for (const char c : word) {
    if (c == '_' || c == '-' || c == ' ') continue;
    letters += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return letters;
}

std::optional<SortKey> direction(std::size_t field, std::string_view word) {
  const auto letters = bare(word);
  if (letters == "asc") return SortKey{field, false, false};
  if (letters == "desc") return SortKey{field, true, true};
  if (letters == "ascnullsfirst") return SortKey{field, false, true};
  if (letters == "ascnullslast") return SortKey{field, false, false};
  if (letters == "descnullsfirst") return SortKey{field, true, true};
  if (letters == "descnullslast") return SortKey{field, true, false};
  return std::nullopt;
}

class Reader {
 public:
  Reader(const Entity& entity, Spelling spelling, const std::string& param)
      : entity_(entity), spelling_(spelling), param_(param), trail_(param) {}

  Read<Order> read(const Value& value) {
    Order order;
    if (value.as<Members>()) {
      key(value, order);
    } else if (const auto* items = value.as<Items>()) {
      if (items->size() > limits::sort_keys)
        refuse("at most " + std::to_string(limits::sort_keys) + " keys; found " + std::to_string(items->size()));
      for (std::size_t i = 0; i < items->size() && !refusal_; ++i) {
        const auto within = trail_.into(i);
        key((*items)[i], order);
      }
    } else {
      refuse("expected a list such as [{\"" + spelled("createdAt", spelling_) + "\": \"desc\"}], got " +
             describe(value));
    }
    if (refusal_) return tl::unexpected(std::move(*refusal_));
    return order.empty() ? newest_first() : order;
  }

 private:
  void key(const Value& value, Order& order) {
    const auto* members = value.as<Members>();
    if (!members) return refuse("expected an object of one field and its direction, got " + describe(value));
    if (members->size() != 1)
      return refuse("has " + std::to_string(members->size()) +
                        " keys; a JSON object has no order, use [{a: \"asc\"}, {b: \"desc\"}]",
                    " ");
    const auto& [name, way] = members->front();
    const auto within = trail_.into(name);
    std::vector<std::string> sortable;
    std::optional<std::size_t> field;
    for (std::size_t i = 0; i < entity_.fields.size(); ++i) {
      if (!entity_.fields[i].sortable) continue;
      sortable.push_back(spelled(entity_.fields[i].name, spelling_));
      if (sortable.back() == name) field = i;
    }
    if (!field) {
      const auto near = nearest(name, sortable);
      const auto hint = near ? "; did you mean " + *near + "?" : std::string();
      const bool known = std::ranges::any_of(entity_.fields, [&](const Field& one) {
        return spelled(one.name, spelling_) == name;
      });
      refuse((known ? "this list is not sorted by that" : "no such field") + hint);
      if (!known) refusal_->code = "unknown_field";
      refusal_->allowed = std::move(sortable);
      return;
    }
    if (std::ranges::find(order, *field, &SortKey::field) != order.end()) return refuse("the field is given twice");
    const auto* word = way.as<std::string>();
    const auto read = word ? direction(*field, *word) : std::nullopt;
    if (!read) return refuse("expected one of " + std::string(directions) + ", got " + describe(way));
    order.push_back(*read);
  }

  void refuse(const std::string& message, const char* between = ": ") {
    if (!refusal_)
      refusal_ = Refusal{"invalid_order_by", trail_.text() + between + message, param_, trail_.pointer(), {}, {}, {}};
  }

  const Entity& entity_;
  const Spelling spelling_;
  const std::string& param_;
  Trail trail_;
  std::optional<Refusal> refusal_;
};

}  // namespace

Read<Order> read_order(const Value* order, const Entity& entity, Spelling spelling, const std::string& param) {
  auto read = order ? Reader(entity, spelling, param).read(*order) : Read<Order>(newest_first());
  if (!read) return read;
  return shortest(std::move(*read), entity);
}

Order newest_first() { return {{0, true, true}}; }

Order shortest(Order order, const Entity& entity) {
  const auto id = std::ranges::find(order, std::size_t{0}, &SortKey::field);
  if (id != order.end()) order.erase(id + 1, order.end());
  else order.push_back({0, order.empty() || order.back().descending, order.empty() || order.back().descending});
  // Rows made in this order have ids in this order.
  if (order.size() > 1) {
    const auto& before = order[order.size() - 2];
    if (entity.fields[before.field].follows_id && before.descending == order.back().descending)
      order.erase(order.end() - 2);
  }
  for (auto& key : order)
    if (!entity.fields[key.field].nullable) key.nulls_first = key.descending;
  return order;
}

Order reversed(Order order) {
  for (auto& key : order) {
    key.descending = !key.descending;
    key.nulls_first = !key.nulls_first;
  }
  return order;
}

std::string to_text(const Order& order, const Entity& entity) {
  std::string text;
  for (const auto& key : order)
    text += std::string(entity.fields[key.field].name) + (key.descending ? " desc" : " asc") +
            (key.nulls_first ? " nulls first;" : " nulls last;");
  return text;
}

}  // namespace mayfly::query
