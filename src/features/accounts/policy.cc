#include "features/accounts/policy.h"

#include "base/limits.h"
#include "codec/language.h"
#include "codec/text.h"
#include "codec/utf8.h"

namespace stampede::accounts {
namespace {

using Problems = std::vector<Error::FieldProblem>;

void AddBlank(Problems& problems, std::string field) {
  problems.push_back({std::move(field), "ERR_BLANK", "can't be blank"});
}

void AddTooLong(Problems& problems, std::string field, size_t max) {
  problems.push_back({std::move(field), "ERR_TOO_LONG",
                      "is too long (maximum is " + std::to_string(max) + " characters)"});
}

void CheckUsername(const NewUser& user, Problems& problems) {
  if (user.username.empty()) return AddBlank(problems, "username");
  if (codec::CodePointCount(user.username) > limits::kUsernameCharsMax) {
    return AddTooLong(problems, "username", limits::kUsernameCharsMax);
  }
  if (!codec::IsValidUsername(user.username)) {
    problems.push_back(
        {"username", "ERR_INVALID", "must contain only letters, numbers and underscores"});
  } else if (!user.by_operator && IsReservedUsername(user.username)) {
    problems.push_back({"username", "ERR_RESERVED", "is reserved"});
  }
}

void CheckPassword(const NewUser& user, Problems& problems) {
  if (user.password.empty()) return AddBlank(problems, "password");
  if (!user.by_operator && user.password.size() < limits::kPasswordBytesMin) {
    problems.push_back(
        {"password", "ERR_TOO_SHORT",
         "is too short (minimum is " + std::to_string(limits::kPasswordBytesMin) + " characters)"});
  }
  if (user.password.size() > limits::kPasswordBytesMax) {
    AddTooLong(problems, "password", limits::kPasswordBytesMax);
  }
}

void CheckFields(const ProfilePatch::Fields& fields, Problems& problems) {
  if (fields.size() > limits::kFieldsMax) {
    problems.push_back({"fields", "ERR_TOO_LONG",
                        "are too many (maximum is " + std::to_string(limits::kFieldsMax) + ")"});
  }
  for (const auto& [name, value] : fields) {
    if (codec::CodePointCount(name) > limits::kFieldCharsMax ||
        codec::CodePointCount(value) > limits::kFieldCharsMax) {
      return AddTooLong(problems, "fields", limits::kFieldCharsMax);
    }
    if (name.empty() != value.empty()) {
      problems.push_back({"fields", "ERR_BLANK", "need both a name and a value"});
      return;
    }
  }
}

std::string Humanized(std::string_view field) {
  std::string name(field);
  std::replace(name.begin(), name.end(), '_', ' ');
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] -= 'a' - 'A';
  return name;
}

}  // namespace

bool IsReservedUsername(std::string_view username) {
  static constexpr std::string_view kReserved[] = {
      "abuse", "admin",   "administrator", "everyone",   "help", "hostmaster",
      "info",  "mod",     "moderator",     "postmaster", "root", "security",
      "staff", "support", "system",        "webmaster"};
  std::string name = codec::Lowercase(username);
  return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved);
}

bool IsPlausibleEmail(std::string_view email) {
  size_t at = email.find('@');
  if (at == std::string_view::npos || at == 0 || at > 64 || email.size() > 254) return false;
  std::string_view local = email.substr(0, at), domain = email.substr(at + 1);
  for (unsigned char c : local) {
    if (c <= ' ' || c >= 0x7f ||
        std::string_view("()<>[]:;@\\,\"").find(c) != std::string_view::npos)
      return false;
  }
  if (local.front() == '.' || local.back() == '.' || local.find("..") != std::string_view::npos)
    return false;
  if (domain.empty() || domain.front() == '.' || domain.back() == '.' ||
      domain.find("..") != std::string_view::npos)
    return false;
  return std::all_of(domain.begin(), domain.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '.'; });
}

Problems SignUpProblems(const NewUser& user) {
  Problems problems;
  CheckUsername(user, problems);
  if (user.email.empty()) {
    AddBlank(problems, "email");
  } else if (!IsPlausibleEmail(user.email)) {
    problems.push_back({"email", "ERR_INVALID", "must be a valid e-mail address"});
  }
  CheckPassword(user, problems);
  if (!user.agreement && !user.by_operator) {
    problems.push_back({"agreement", "ERR_ACCEPTED", "must be accepted"});
  }
  if (!user.locale.empty() && !codec::NormalizeLanguage(user.locale)) {
    problems.push_back({"locale", "ERR_INCLUSION", "is not included in the list"});
  }
  if (codec::CodePointCount(user.reason) > limits::kSignUpReasonCharsMax) {
    AddTooLong(problems, "reason", limits::kSignUpReasonCharsMax);
  }
  return problems;
}

void GrantByRegistrations(Registrations registrations, NewUser& user) {
  user.confirmed = true;
  user.approved = registrations == Registrations::kOpen;
}

Problems ProfileProblems(const ProfilePatch& patch) {
  Problems problems;
  if (patch.display_name &&
      codec::CodePointCount(*patch.display_name) > limits::kDisplayNameCharsMax) {
    AddTooLong(problems, "display_name", limits::kDisplayNameCharsMax);
  }
  if (patch.note && codec::StatusLength("", *patch.note) > limits::kNoteCharsMax) {
    AddTooLong(problems, "note", limits::kNoteCharsMax);
  }
  if (patch.fields) CheckFields(*patch.fields, problems);
  if (patch.avatar_description &&
      codec::CodePointCount(*patch.avatar_description) > limits::kAltTextCharsMax) {
    AddTooLong(problems, "avatar_description", limits::kAltTextCharsMax);
  }
  if (patch.header_description &&
      codec::CodePointCount(*patch.header_description) > limits::kAltTextCharsMax) {
    AddTooLong(problems, "header_description", limits::kAltTextCharsMax);
  }
  constexpr std::string_view kNotInList = "is not included in the list";
  if (patch.privacy && !VisibilityNumber(*patch.privacy)) {
    problems.push_back({"privacy", "ERR_INCLUSION", std::string(kNotInList)});
  }
  if (patch.language && !patch.language->empty() && !codec::NormalizeLanguage(*patch.language)) {
    problems.push_back({"language", "ERR_INCLUSION", std::string(kNotInList)});
  }
  if (patch.quote_policy && *patch.quote_policy != "public" && *patch.quote_policy != "followers" &&
      *patch.quote_policy != "nobody") {
    problems.push_back({"quote_policy", "ERR_INCLUSION", std::string(kNotInList)});
  }
  return problems;
}

std::optional<int> VisibilityNumber(std::string_view word) {
  if (word == "public") return 1;
  if (word == "unlisted") return 2;
  if (word == "private") return 3;
  return std::nullopt;
}

void ThrowProblems(Problems problems) {
  std::string text;
  for (const Error::FieldProblem& problem : problems) {
    if (!text.empty()) text += ", ";
    text += Humanized(problem.field) + " " + problem.description;
  }
  Error error = Error::Invalid(std::move(text));
  for (Error::FieldProblem& problem : problems) error.WithField(std::move(problem));
  throw error;
}

}  // namespace stampede::accounts
