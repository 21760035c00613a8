mod session_report;
mod session_state;
mod support;
