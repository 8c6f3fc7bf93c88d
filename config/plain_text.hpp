// Whether bytes are text that a YAML file may hold. Asked before the parser sees them: yaml-cpp
// takes a byte 4 for the end of the file and would drop everything after it without a word.
#pragma once

#include <string_view>

namespace shunt::config {

/// The line (from 1) of the first byte that is not valid UTF-8 or is a control character other than
/// tab and line end; 0 when all is well.
int line_of_bad_byte(std::string_view text);

} // namespace shunt::config
