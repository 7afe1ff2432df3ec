// As much XML as AWS's query services answer with: elements and text. A document type, and with it every
// entity trick, is refused. Used by the STS client and for error bodies.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::aws {

// The text of the first element on this way, from the document's own element on: {"ErrorResponse", "Error",
// "Code"}. Nothing: no such element, or no such XML.
std::optional<std::string> xml_text(std::string_view document, std::initializer_list<std::string_view> way);

}  // namespace sluice::aws
