#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stampede::net {

// A file of a multipart form.
struct Upload {
  std::string filename;
  std::string content_type;  // as claimed by the client: never trusted
  std::string bytes;
};

// The parameters of one request, whatever way they came: query string, form, multipart or JSON, in
// one tree as Mastodon's clients mean it (`id[]=1`, `source[privacy]=public`,
// `fields_attributes[0][name]=x`, {"source": {"privacy": …}}). Names and texts are valid UTF-8
// without NUL. Bounded by limits::kParamsMax and kParamDepthMax. Not thread-safe; views live as long
// as the tree.
class Params {
 public:
  enum class Kind { kAbsent, kNull, kText, kBool, kNumber, kList, kMap, kFile };

  // The child with that name; an absent one answers every question with "nothing". For a list, the
  // names are its indexes.
  const Params& operator[](std::string_view name) const;
  bool Has(std::string_view name) const { return (*this)[name].kind_ != Kind::kAbsent; }

  Kind kind() const { return kind_; }
  bool absent() const { return kind_ == Kind::kAbsent; }
  // Absent or null or empty text.
  bool blank() const;
  // A scalar's text (numbers and booleans as written); nullopt for absent, null, lists, maps.
  std::optional<std::string_view> Text() const;
  // Mastodon's booleans: false for false, 0, "0", "f", "F", "false", "FALSE", "off", "OFF"; nullopt
  // for absent, null and empty text; true for everything else.
  std::optional<bool> Bool() const;
  // nullopt when it is no integer.
  std::optional<int64_t> Int() const;
  // The texts of a list, of a map with index names, or of a lone scalar (`id=2`).
  std::vector<std::string_view> Texts() const;
  // The elements of a list, or of a map in the order of its names as numbers; other names are no
  // elements.
  std::vector<const Params*> Elements() const;
  const Upload* File() const { return file_.empty() ? nullptr : &file_.front(); }
  const std::vector<std::pair<std::string, Params>>& members() const { return members_; }

  // Shorthands that throw Error(kBadRequest, "Missing required parameter: …") when blank.
  std::string_view Required(std::string_view name) const;

  // --- building ---
  static Params MakeText(std::string text);
  static Params MakeBool(bool value);
  static Params MakeNumber(std::string literal);
  static Params MakeNull();
  static Params MakeFile(Upload file);
  static Params MakeList() {
    Params p;
    p.kind_ = Kind::kList;
    return p;
  }
  static Params MakeMap() {
    Params p;
    p.kind_ = Kind::kMap;
    return p;
  }
  // Replaces an existing member of that name.
  Params& Set(std::string_view name, Params value);
  Params& Append(Params value);
  // Sets by a form name such as "a[b][]"; throws Error(kBadRequest) on a malformed or too deep name.
  void SetByFormName(std::string_view name, Params value);

 private:
  bool HasPath(std::span<const std::string_view> path) const;
  // The child that the part `name` of a form name means, made when absent; `rest` is what follows.
  Params& Descend(std::string_view name, std::span<const std::string_view> rest);

  Kind kind_ = Kind::kAbsent;
  std::string text_;
  std::vector<std::pair<std::string, Params>> members_;  // kMap, and kList with empty names
  std::vector<Upload> file_;                             // none or one
};

// Adds the parameters of a query string or urlencoded body to `into`. Throws Error(kBadRequest).
void ParseUrlEncoded(std::string_view text, Params& into);
// Adds those of a multipart/form-data body (RFC 7578). Throws Error(kBadRequest).
void ParseMultipart(std::string_view body, std::string_view boundary, Params& into);
// Adds the members of a JSON object. An empty body is no parameters. Whole numbers keep their digits,
// others the shortest text that means the same. Throws Error(kBadRequest).
void ParseJsonParams(std::string_view body, Params& into);
// By Content-Type; an empty body is fine with any type, a body without a type is a form. Plain text
// and ActivityPub's types have no parameters: their routes read the raw body. Throws
// Error(kBadRequest) or Error(kUnsupportedMedia).
void ParseBody(std::string_view content_type, std::string_view body, Params& into);

}  // namespace stampede::net
