#pragma once
// The OpenAPI document as tests read it: its operations, well-formed bodies for them, and what an answer must look
// like.

#include <optional>
#include <string>
#include <vector>

#include "json/reader.h"

namespace mayfly::test {

/// The document, with its references followed.
class Document {
 public:
  explicit Document(json::value document) : document_(std::move(document)) {}

  const json::object& paths() const { return document_.at("paths").as_object(); }
  const json::object& followed(const json::value& value) const;

  /// What a well-formed body looks like: the example of the operation, or the least that its schema asks for.
  std::string body_of(const json::object& operation) const;
  json::value least(const json::value& value) const;

  /// How the value is not as the schema says, with the place: "items.0.id: no string". Nothing when it is. A member
  /// that the schema does not name is wrong too, unless it is `part` of one.
  std::optional<std::string> mismatch(const json::value& value, const json::value& schema,
                                      const std::string& place = "body", bool part = false) const;

  /// The schema of a JSON answer of that status; null when the document shows none. Nothing: no such status is told of.
  std::optional<json::value> answer_schema(const json::object& operation, int status) const;

 private:
  std::optional<std::string> object_mismatch(const json::object& value, const json::object& schema,
                                             const std::string& place, bool part) const;
  bool names(const json::value& schema, std::string_view member) const;
  json::value document_;
};

struct Parameter {
  std::string name, in;
  bool required = false;
  json::value schema;
  std::optional<json::value> example;
};

struct Operation {
  std::string method, path;
  std::vector<Parameter> parameters;
  std::string body;
  json::object described;                // as the document has it
  std::string title() const { return method + " " + path; }
};

/// Those below /v1/.
std::vector<Operation> operations_of(const Document& document);

}  // namespace mayfly::test
