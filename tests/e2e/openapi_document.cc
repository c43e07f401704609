#include "e2e/openapi_document.h"

#include <cctype>

#include "base/time.h"

namespace mayfly::test {

const json::object& Document::followed(const json::value& value) const {
  const auto* object = value.if_object();
  while (const auto* reference = object->if_contains("$ref"))
    object = document_.at_pointer(std::string(reference->as_string()).substr(1)).if_object();
  return *object;
}

std::string Document::body_of(const json::object& operation) const {
  const auto* asked = operation.if_contains("requestBody");
  if (!asked) return {};
  const auto& content = followed(*asked).at("content").as_object();
  const auto* in_json = content.if_contains("application/json");
  if (!in_json) return "bytes";
  const auto& media = in_json->as_object();
  if (const auto* example = media.if_contains("example")) return boost::json::serialize(*example);
  if (const auto* examples = media.if_contains("examples"))
    return boost::json::serialize(examples->as_object().begin()->value().at("value"));
  return boost::json::serialize(least(media.at("schema")));
}

json::value Document::least(const json::value& value) const {
  const auto& schema = followed(value);
  for (const auto* key : {"example", "default"})
    if (const auto* given = schema.if_contains(key)) return *given;
  if (const auto* words = schema.if_contains("enum")) return words->as_array().at(0);
  const auto* type = schema.if_contains("type");
  if (type && *type == json::value("object")) {
    json::object object;
    if (const auto* required = schema.if_contains("required"))
      for (const auto& name : required->as_array())
        object[name.as_string()] = least(schema.at("properties").at(name.as_string()));
    // One of several is needed where none is required.
    const auto* members = schema.if_contains("properties");
    if (object.empty() && members && !members->as_object().empty()) {
      const auto& first = *members->as_object().begin();
      object[first.key()] = least(first.value());
    }
    return object;
  }
  if (type && *type == json::value("array")) return json::array();
  if (const auto* minimum = schema.if_contains("minimum")) return *minimum;
  if (type && *type == json::value("integer")) return 1;
  if (type && *type == json::value("number")) return 1.5;
  if (type && *type == json::value("boolean")) return true;
  if (const auto* format = schema.if_contains("format"); format && *format == json::value("date-time"))
    return "2099-01-01T00:00:00Z";
  return "x";
}

namespace {

bool of_type(const json::value& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  if (type == "integer") return value.is_int64() || value.is_uint64();
  return value.is_number();
}

}  // namespace

std::optional<std::string> Document::mismatch(const json::value& value, const json::value& schema_value,
                                              const std::string& place, bool part) const {
  const auto& schema = followed(schema_value);
  const auto* nullable = schema.if_contains("nullable");
  if (value.is_null() && nullable && nullable->as_bool()) return std::nullopt;
  if (const auto* all = schema.if_contains("allOf")) {
    for (const auto& each : all->as_array())
      if (auto wrong = mismatch(value, each, place, true)) return wrong;
    if (const auto* object = value.if_object(); object && !part)
      for (const auto& member : *object)
        if (!names(schema_value, member.key()))
          return place + "." + std::string(member.key()) + " is not in the document";
  }
  for (const auto* some : {schema.if_contains("oneOf"), schema.if_contains("anyOf")}) {
    if (!some) continue;
    std::string why;
    bool fits = false;
    for (const auto& each : some->as_array()) {
      const auto wrong = mismatch(value, each, place, part);
      fits |= !wrong;
      if (wrong) why += "; " + *wrong;
    }
    if (!fits) return place + " is none of several" + why;
  }
  if (const auto* type = schema.if_contains("type"); type && !of_type(value, type->as_string()))
    return place + ": no " + std::string(type->as_string()) + " but " + boost::json::serialize(value).substr(0, 80);
  if (const auto* words = schema.if_contains("enum")) {
    bool known = false;
    for (const auto& word : words->as_array()) known |= word == value;
    if (!known) return place + ": not one of the words: " + boost::json::serialize(value).substr(0, 80);
  }
  if (const auto* format = schema.if_contains("format");
      format && *format == json::value("date-time") && value.is_string() && !parse_wall_time(value.as_string()))
    return place + ": no time: " + std::string(value.as_string());
  if (const auto* items = schema.if_contains("items"); items && value.is_array()) {
    std::size_t at = 0;
    for (const auto& item : value.as_array())
      if (auto wrong = mismatch(item, *items, place + "." + std::to_string(at++))) return wrong;
  }
  return value.is_object() ? object_mismatch(value.as_object(), schema, place, part) : std::nullopt;
}

/// Whether any part of it does.
bool Document::names(const json::value& value, std::string_view member) const {
  const auto& schema = followed(value);
  if (const auto* known = schema.if_contains("properties"); known && known->as_object().contains(member)) return true;
  if (schema.contains("additionalProperties")) return true;
  for (const auto* key : {"allOf", "oneOf", "anyOf"})
    if (const auto* parts = schema.if_contains(key))
      for (const auto& each : parts->as_array())
        if (names(each, member)) return true;
  return false;
}

std::optional<std::string> Document::object_mismatch(const json::object& value, const json::object& schema,
                                                     const std::string& place, bool part) const {
  if (const auto* required = schema.if_contains("required"))
    for (const auto& name : required->as_array())
      if (!value.contains(name.as_string())) return place + " lacks " + std::string(name.as_string());
  const auto* known = schema.if_contains("properties");
  const auto* rest = schema.if_contains("additionalProperties");
  // A member that the document does not name is one that clients do not know of.
  const bool closed = known && !part && !rest && !schema.contains("allOf") && !schema.contains("oneOf");
  for (const auto& member : value) {
    const auto name = place + "." + std::string(member.key());
    const auto* described = known ? known->as_object().if_contains(member.key()) : nullptr;
    if (!described && rest && rest->is_object()) described = rest;
    if (described) {
      if (auto wrong = mismatch(member.value(), *described, name)) return wrong;
    } else if (closed || (rest && *rest == json::value(false))) {
      return name + " is not in the document";
    }
  }
  return std::nullopt;
}

std::optional<json::value> Document::answer_schema(const json::object& operation, int status) const {
  const auto& responses = operation.at("responses").as_object();
  const auto text = std::to_string(status);
  const auto* found = responses.if_contains(text);
  if (!found) found = responses.if_contains(text.substr(0, 1) + "XX");
  if (!found) return std::nullopt;
  const auto* content = followed(*found).if_contains("content");
  if (!content) return json::value();
  for (const auto* type : {"application/json", "application/problem+json"})
    if (const auto* media = content->as_object().if_contains(type))
      if (const auto* schema = media->as_object().if_contains("schema")) return *schema;
  return json::value();
}

std::vector<Operation> operations_of(const Document& document) {
  std::vector<Operation> all;
  for (const auto& [path, item] : document.paths()) {
    if (!path.starts_with("/v1/") && !path.starts_with("/api/")) continue;
    for (const auto* method : {"get", "put", "post", "delete", "patch"}) {
      const auto* found = item.as_object().if_contains(method);
      if (!found) continue;
      const auto& operation = found->as_object();
      Operation made{method, std::string(path), {}, document.body_of(operation), operation};
      for (auto& letter : made.method) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
      for (const auto* owner : {&item.as_object(), &operation})
        if (const auto* list = owner->if_contains("parameters"))
          for (const auto& entry : list->as_array()) {
            const auto& parameter = document.followed(entry);
            Parameter read{std::string(parameter.at("name").as_string()), std::string(parameter.at("in").as_string()),
                           parameter.contains("required"), document.followed(parameter.at("schema")), {}};
            if (const auto* example = parameter.if_contains("example")) read.example = *example;
            made.parameters.push_back(std::move(read));
          }
      all.push_back(std::move(made));
    }
  }
  return all;
}

}  // namespace mayfly::test
