//! What is wrong with a workspace, if anything is: the condition that says it best.

use trueup_api::{
    domain::condition::{Condition, ConditionType, Truth},
    wire::WorkspaceView,
};

/// Why it needs attention, or else why it is not as declared.
pub(crate) fn trouble(view: &WorkspaceView) -> Option<&Condition> {
    let conditions = &view.workspace.status.conditions;
    let degraded = conditions.get(ConditionType::Degraded).filter(|one| one.status == Truth::True);
    degraded.or_else(|| conditions.get(ConditionType::Synced).filter(|one| is_wanting(one)))
}

/// The same or else why it is not ready, as `Reason: the message`.
pub(crate) fn explain(view: &WorkspaceView) -> Option<String> {
    let status = &view.workspace.status;
    let ready = || status.conditions.get(ConditionType::Ready).filter(|one| is_wanting(one));
    let condition = trouble(view).or_else(ready)?;
    let reason = &condition.reason;
    // What went wrong is said once, by the condition or by the failure behind it.
    let message = match &status.last_error {
        Some(error) if condition.message.is_empty() => &error.message,
        _ => &condition.message,
    };
    Some(if message.is_empty() { reason.clone() } else { format!("{reason}: {message}") })
}

fn is_wanting(condition: &Condition) -> bool {
    condition.status != Truth::True
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{sample, with_condition};

    #[test]
    fn what_needs_attention_is_said_before_what_is_not_in_sync() {
        let mut view = sample("alice", "web");
        assert_eq!(explain(&view), None);
        with_condition(&mut view, "Ready", "False", "Starting", "");
        assert_eq!(trouble(&view), None);
        assert_eq!(explain(&view).unwrap(), "Starting");
        with_condition(&mut view, "Synced", "Unknown", "EngineUnreachable", "no answer");
        assert_eq!(explain(&view).unwrap(), "EngineUnreachable: no answer");
        with_condition(&mut view, "Degraded", "True", "GaveUp", "it ended 10 times");
        assert_eq!(explain(&view).unwrap(), "GaveUp: it ended 10 times");
    }
}
