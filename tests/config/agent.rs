//! An agent is reached by its name and project, with a token, and gets only what the user has set (protocol §2.2).

use mynah::model::{Choice, TurnDetection};

use super::{Fixture, HOST, KEY, assert_problems, azure};

const BASE: &str = "wss://bird.services.ai.azure.com/voice-live/realtime?api-version=2026-07-15";

#[test]
fn the_query_names_the_agent_and_no_model() {
    let flags = [
        "--agent-name=gardener",
        "--agent-project-name=my garden",
        "--agent-version=3",
        "--agent-authentication-identity-client-id=11-22",
        "--foundry-resource-override=other-resource",
        "--conversation-id=conv_1",
    ];
    let config = with_token(&flags).run();
    assert_eq!(
        azure(&config).endpoint.to_string(),
        format!(
            "{BASE}&agent-name=gardener&agent-project-name=my%20garden&agent-version=3\
             &conversation-id=conv_1&agent-authentication-identity-client-id=11-22\
             &foundry-resource-override=other-resource"
        )
    );
    let resuming = azure(&config).endpoint.resuming("conv_2:é").to_string();
    assert!(resuming.ends_with("&foundry-resource-override=other-resource&conversation-id=conv_2%3A%C3%A9"));
    assert!(!resuming.contains("conv_1"), "{resuming}");
}

#[test]
fn an_own_deployment_is_named_with_its_profile() {
    let flags =
        ["--profile=byom-azure-openai-chat-completion", "--model=mine", "--foundry-resource-override=other"];
    let config = with_key().flags(&flags).run();
    assert_eq!(
        azure(&config).endpoint.to_string(),
        format!(
            "{BASE}&model=mine&profile=byom-azure-openai-chat-completion&foundry-resource-override=other"
        )
    );
    assert_eq!(config.service.transcription, Choice::On("azure-speech"), "as for a model without audio");
    let problems = with_key().flags(&["--profile=byom"]).problems();
    assert_problems(&problems, &["option --profile: \"byom\": must be one of byom-azure-openai-realtime"]);
    let problems = with_key().flags(&["--foundry-resource-override=other"]).problems();
    assert_problems(&problems, &["option --foundry-resource-override: | agent_name or profile"]);
    let address = ["--profile=byom-azure-openai-realtime", "--foundry-resource-override=https://other"];
    let problems = with_key().flags(&address).problems();
    assert_problems(
        &problems,
        &["option --foundry-resource-override: \"https://other\": | name of a resource"],
    );
}

#[test]
fn an_agent_gets_only_what_the_user_has_set() {
    let agent = ["--agent-name=gardener", "--agent-project-name=garden"];
    let service = with_token(&agent).run().service;
    assert_eq!((service.voice, service.instructions, service.turn_detection), (None, None, None));
    assert_eq!((service.noise_reduction, service.transcription), (Choice::Unset, Choice::Unset));
    assert_eq!(
        (service.echo_cancellation, service.reply, service.extra.len()),
        (None, Default::default(), 0)
    );
    let set =
        ["--language=de", "--turn-detection=server_vad", "--turn-silence-ms=700", "--noise-reduction=off"];
    let service = with_token(&[&agent[..], &set].concat()).run().service;
    assert_eq!(service.turn_detection, Some(TurnDetection::ServerVad));
    assert_eq!(service.turn.silence_ms, Some(700));
    assert_eq!((service.noise_reduction, service.transcription), (Choice::Off, Choice::On("azure-speech")));
}

#[test]
fn what_an_agent_does_not_take_is_refused() {
    let agent = ["--agent-name=gardener", "--agent-project-name=garden"];
    for (flags, problems) in [
        (&["--instructions=Be brief."][..], &["option --instructions: is not for an agent"][..]),
        (&["--profile=byom-azure-openai-realtime"], &["option --profile: is for a model"]),
        (&["--turn-silence-ms=700"], &["option --turn-silence-ms: needs turn_detection too | as a whole"]),
        (&["--voice-rate=1.1"], &["option --voice-rate: needs voice too | as a whole"]),
        (&["--end-of-utterance=on"], &["option --end-of-utterance: needs turn_detection too"]),
    ] {
        let found = with_token(&[&agent[..], flags].concat()).problems();
        assert_problems(&found, problems);
    }
    assert_problems(
        &with_key().flags(&agent).problems(),
        &[
            "environment variable AZURE_VOICELIVE_API_KEY: is a key, and an agent takes a token only | use_token",
        ],
    );
    assert_problems(&with_token(&agent[..1]).problems(), &["option --agent-name: needs agent_project_name"]);
    assert_problems(&with_token(&agent[1..]).problems(), &["option --agent-project-name: is for an agent"]);
    let warnings = with_token(&[&agent[..], &["--model=gpt-4o"]].concat()).run().warnings;
    assert_problems(&warnings, &["option --model: is not used | gardener has a model of its own"]);
}

#[test]
fn the_names_of_microsofts_samples_are_understood() {
    let sample = "VOICELIVE_ENDPOINT=https://bird.services.ai.azure.com\nVOICELIVE_API_VERSION=2026-01-01-preview\n\
                  AGENT_NAME=gardener\nPROJECT_NAME=garden\nAGENT_VERSION=3\nCONVERSATION_ID=\n\
                  FOUNDRY_RESOURCE_OVERRIDE=other\nAGENT_AUTHENTICATION_IDENTITY_CLIENT_ID=11\n";
    let mut fixture = Fixture::new();
    for (name, value) in sample.lines().filter_map(|line| line.split_once('=')) {
        fixture = fixture.env(name, value);
    }
    let config = fixture.env("AZURE_VOICELIVE_TOKEN", "eyJ.a.b").flags(&["--use-token-credential"]).run();
    assert_eq!(
        azure(&config).endpoint.path_and_query,
        "/voice-live/realtime?api-version=2026-01-01-preview&agent-name=gardener&agent-project-name=garden\
         &agent-version=3&agent-authentication-identity-client-id=11&foundry-resource-override=other"
    );
    let told: Vec<_> =
        config.warnings.iter().filter(|warning| warning.contains("its name in mynah is")).collect();
    assert_eq!(told.len(), 7, "{:?}", config.warnings);
    assert!(told.iter().any(|one| *one
        == "environment variable PROJECT_NAME: is understood; its name in mynah is AZURE_VOICELIVE_AGENT_PROJECT_NAME"));
}

#[test]
fn an_agent_name_of_another_program_is_left_alone() {
    let config = with_key().env("AGENT_NAME", "Hosted Agent 2").env("CONVERSATION_ID", "7").run();
    assert!(config.service.agent.is_none());
    assert_problems(&config.warnings, &[]);
    // mynah's own name wins over that of a sample.
    let own = with_key().env("VOICELIVE_ENDPOINT", "https://other.services.ai.azure.com").run();
    assert_eq!(azure(&own).endpoint.host, "bird.services.ai.azure.com");
}

fn with_key() -> Fixture {
    Fixture::new().env("AZURE_VOICELIVE_ENDPOINT", HOST).env("AZURE_VOICELIVE_API_KEY", KEY)
}

fn with_token(flags: &[&str]) -> Fixture {
    let fixture =
        Fixture::new().env("AZURE_VOICELIVE_ENDPOINT", HOST).env("AZURE_VOICELIVE_TOKEN", "eyJ.a.b");
    fixture.flags(&[&["--use-token-credential"], flags].concat())
}
