//! Reads which Foundry agent to talk to instead of a model (protocol §2.2).
//!
//! It rejects what the service takes from no client of an agent: a key, and instructions.

use super::Credential;
use super::schema::Key;
use super::sources::Layer;
use super::values::Values;

/// A Foundry agent, and how the service reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentConfig {
    pub name: String,
    /// The Foundry project that the agent belongs to.
    pub project: String,
    /// `None` for the newest.
    pub version: Option<String>,
    /// The conversation that the user wants to resume at every start, if it is a particular one.
    pub conversation_id: Option<String>,
    /// The client id of the identity with which the service reaches an agent of another resource.
    pub identity_client_id: Option<String>,
}

/// Settings that only an agent has.
const ONLY_AGENTS: [Key; 4] =
    [Key::AgentProjectName, Key::AgentVersion, Key::ConversationId, Key::AgentIdentity];

/// Reads the agent, if one is set.
pub(super) fn read(values: &mut Values) -> Option<AgentConfig> {
    let name = values.text(Key::AgentName);
    let project = values.text(Key::AgentProjectName);
    let version = values.text(Key::AgentVersion);
    let conversation_id = values.text(Key::ConversationId);
    let identity_client_id = values.text(Key::AgentIdentity);
    let Some(name) = name else {
        for key in ONLY_AGENTS {
            if values.is_set(key) && !values.is_refused(&[Key::AgentName]) {
                values.refuse(key, "is for an agent; set agent_name too, or remove it");
            }
        }
        return None;
    };
    // The built-in service has no agents, and needs nothing of what is set for another one.
    if values.switch(Key::Parrot) {
        return None;
    }
    let Some(project) = project else {
        if !values.is_refused(&[Key::AgentProjectName]) {
            values.refuse(Key::AgentName, "needs agent_project_name, the Foundry project of the agent");
        }
        return None;
    };
    if values.is_set(Key::Instructions) {
        values.refuse(
            Key::Instructions,
            "is not for an agent, which has instructions of its own; remove it, or agent_name",
        );
    }
    if values.is_set(Key::Profile) {
        values.refuse(Key::Profile, "is for a model, not for an agent; remove it, or agent_name");
    }
    if values.is_set(Key::Model) {
        let place = values.place(Key::Model).to_owned();
        values.warn(format!("{place}: is not used, since the agent {name} has a model of its own"));
    }
    Some(AgentConfig { name, project, version, conversation_id, identity_client_id })
}

/// Refuses a key: the service lets only a user or an identity talk to an agent.
pub(super) fn check_credential(values: &mut Values, key: Key, credential: &Credential) {
    match credential {
        Credential::Key(_) => values.refuse(
            key,
            "is a key, and an agent takes a token only; set use_token_credential to sign in, and remove the key",
        ),
        Credential::Token(_) | Credential::TokenFile(_) | Credential::SignIn(_) => {}
    }
}

/// Returns the parameters of the query that select the agent, and its resource if it is another one.
pub(super) fn query<'a>(agent: &'a AgentConfig, resource: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    let AgentConfig { name, project, version, conversation_id, identity_client_id } = agent;
    let optional = [
        ("agent-version", version.as_deref()),
        ("conversation-id", conversation_id.as_deref()),
        ("agent-authentication-identity-client-id", identity_client_id.as_deref()),
        ("foundry-resource-override", resource),
    ];
    let required = [("agent-name", name.as_str()), ("agent-project-name", project.as_str())];
    required.into_iter().chain(optional.into_iter().filter_map(|(key, value)| Some((key, value?)))).collect()
}

impl Values {
    /// Returns whether the user has set `key`.
    pub(super) fn is_set(&self, key: Key) -> bool {
        self.layer(key).is_some_and(|layer| layer > Layer::Default)
    }
}
