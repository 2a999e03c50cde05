//! References between a job's variables, which GitLab resolves before a runner sees them.
//!
//! A runner expands once, so `A: $B` with `B: $C` needs this
//! (<https://docs.gitlab.com/ci/variables/where_variables_can_be_used/#nested-variable-expansion>).
//! Names that GitLab or the runner predefines are left for the runner, and so are references to
//! values that are to be taken literally and to files.

use play::Variable;

/// The variables with references to each other replaced; of a circle, one is left as it is.
pub(crate) fn resolve_nested(variables: &[Variable]) -> Vec<Variable> {
    let resolve = |variable: &Variable| {
        let mut resolved = variable.clone();
        if !variable.raw {
            resolved.value = expand(&variable.value, variables, &mut vec![&variable.key]);
        }
        resolved
    };
    variables.iter().map(resolve).collect()
}

fn expand<'a>(text: &'a str, variables: &'a [Variable], path: &mut Vec<&'a str>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        let (reference, name) = reference(&rest[at..]);
        rest = &rest[at + reference.len()..];
        match nested(name, variables).filter(|_| !path.contains(&name)) {
            Some(variable) => {
                path.push(name);
                expanded.push_str(&expand(&variable.value, variables, path));
                path.pop();
            }
            None => expanded.push_str(reference),
        }
    }
    expanded + rest
}

/// The last variable of this name, if it can be written out in place.
fn nested<'a>(name: &str, variables: &'a [Variable]) -> Option<&'a Variable> {
    let variable = variables.iter().rev().find(|variable| variable.key == name)?;
    (!variable.raw && !variable.file).then_some(variable)
}

/// A reference at the start of `text`, and the name in it; `$$` and a lone `$` have none.
fn reference(text: &str) -> (&str, &str) {
    let after = &text[1..];
    if after.starts_with('$') {
        return (&text[..2], "");
    }
    if let Some((name, _)) = after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
        return (&text[..name.len() + 3], name);
    }
    let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
    (&text[..=end], &after[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_followed_to_their_ends() {
        let variables = [
            Variable::new("A", "${B}/a $CI_JOB_ID $$B 5$"),
            Variable::new("B", "$C-$LITERAL"),
            Variable::new("C", "end"),
            Variable::new("LITERAL", "$C").raw(),
            Variable::new("ROUND", "<$ROUND>"),
        ];
        let values: Vec<String> =
            resolve_nested(&variables).into_iter().map(|variable| variable.value).collect();
        assert_eq!(
            values,
            ["end-$LITERAL/a $CI_JOB_ID $$B 5$", "end-$LITERAL", "end", "$C", "<$ROUND>"]
        );
    }
}
