// The files of page/, as they are. Their definitions are made by embed_page.cmake.
#pragma once

#include <string_view>

namespace kilter::analysis {

std::string_view page_html();  ///< with {{title}}, {{style}}, {{text}}, {{data}} and {{script}} in it
std::string_view page_css();
std::string_view page_js();

}  // namespace kilter::analysis
