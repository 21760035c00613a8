// @generated automatically by Diesel CLI.

diesel::table! {
    accounts (id) {
        id -> Uuid,
        name -> Text,
        plan -> Text,
        created_at -> Timestamptz,
        deletes_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    audit_entries (id) {
        id -> Uuid,
        account_id -> Nullable<Uuid>,
        actor_id -> Nullable<Uuid>,
        action -> Text,
        subject -> Nullable<Text>,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        at -> Timestamptz,
    }
}

diesel::table! {
    alerts (id) {
        id -> Uuid,
        kind -> Text,
        subject -> Text,
        message -> Text,
        opened_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    categories (slug) {
        slug -> Text,
        name -> Text,
    }
}

diesel::table! {
    email_changes (id) {
        id -> Uuid,
        user_id -> Uuid,
        old_email -> Text,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    email_tokens (user_id, purpose) {
        user_id -> Uuid,
        purpose -> Text,
        hash -> Bytea,
        email -> Text,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    invitations (id) {
        id -> Uuid,
        account_id -> Uuid,
        email -> Text,
        role -> Text,
        invited_by -> Uuid,
        idempotency_key -> Nullable<Text>,
        token_hash -> Nullable<Bytea>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        accepted_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    identities (provider, subject) {
        provider -> Text,
        subject -> Text,
        user_id -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    memberships (account_id, user_id) {
        account_id -> Uuid,
        user_id -> Uuid,
        role -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    outbox (id) {
        id -> Int8,
        job -> Json,
        max_attempts -> Int4,
        run_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    refresh_tokens (hash) {
        hash -> Bytea,
        sign_in_id -> Uuid,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    session_steps (account_id, session_id, seq) {
        account_id -> Uuid,
        session_id -> Uuid,
        seq -> Int4,
        kind -> Text,
        version_id -> Uuid,
        node_key -> Text,
        option_key -> Nullable<Text>,
        value -> Nullable<Json>,
        note -> Nullable<Text>,
        detail -> Json,
        to_seq -> Nullable<Int4>,
        by_user -> Uuid,
        at -> Timestamptz,
        active_ms -> Int8,
    }
}

diesel::table! {
    session_usage (account_id, month) {
        account_id -> Uuid,
        month -> Date,
        started -> Int4,
    }
}

diesel::table! {
    sessions (account_id, id) {
        account_id -> Uuid,
        id -> Uuid,
        tree_account_id -> Uuid,
        tree_id -> Uuid,
        version_id -> Uuid,
        subject -> Nullable<Text>,
        assignee_id -> Uuid,
        started_by -> Uuid,
        idempotency_key -> Nullable<Text>,
        status -> Text,
        outcome -> Nullable<Text>,
        state -> Json,
        revision -> Int4,
        started_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    sign_in_codes (user_id) {
        user_id -> Uuid,
        email -> Text,
        hash -> Text,
        tries -> Int2,
        expires_at -> Timestamptz,
        made -> Int2,
        made_since -> Timestamptz,
    }
}

diesel::table! {
    sign_ins (id) {
        id -> Uuid,
        user_id -> Uuid,
        account_id -> Uuid,
        user_agent -> Nullable<Text>,
        ip_address -> Nullable<Text>,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    tree_texts (account_id, tree_id, edition, node_key) {
        account_id -> Uuid,
        tree_id -> Uuid,
        edition -> Text,
        node_key -> Text,
        heading -> Text,
        body -> Text,
    }
}

diesel::table! {
    tree_versions (account_id, id) {
        account_id -> Uuid,
        id -> Uuid,
        tree_id -> Uuid,
        number -> Int4,
        digest -> Text,
        document -> Json,
        notes -> Nullable<Text>,
        published_by -> Uuid,
        published_at -> Timestamptz,
    }
}

diesel::table! {
    trees (account_id, id) {
        account_id -> Uuid,
        id -> Uuid,
        slug -> Text,
        title -> Text,
        summary -> Nullable<Text>,
        category -> Nullable<Text>,
        tags -> Array<Text>,
        locale -> Text,
        status -> Text,
        revision -> Int4,
        draft -> Json,
        draft_digest -> Text,
        published_version_id -> Nullable<Uuid>,
        session_count -> Int4,
        created_by -> Uuid,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        number -> Int8,
        email -> Text,
        username -> Text,
        password_hash -> Nullable<Text>,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        avatar_url -> Nullable<Text>,
        email_verified_at -> Nullable<Timestamptz>,
        staff -> Bool,
        deactivated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        erased_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    version_pins (account_id, version_id, node_key) {
        account_id -> Uuid,
        version_id -> Uuid,
        node_key -> Text,
        callee_account_id -> Uuid,
        callee_tree_id -> Uuid,
        callee_version_id -> Uuid,
    }
}

diesel::joinable!(audit_entries -> accounts (account_id));
diesel::joinable!(audit_entries -> users (actor_id));
diesel::joinable!(email_changes -> users (user_id));
diesel::joinable!(email_tokens -> users (user_id));
diesel::joinable!(invitations -> accounts (account_id));
diesel::joinable!(identities -> users (user_id));
diesel::joinable!(memberships -> accounts (account_id));
diesel::joinable!(memberships -> users (user_id));
diesel::joinable!(refresh_tokens -> sign_ins (sign_in_id));
diesel::joinable!(sign_in_codes -> users (user_id));
diesel::joinable!(sign_ins -> accounts (account_id));
diesel::joinable!(sign_ins -> users (user_id));

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    audit_entries,
    categories,
    email_changes,
    email_tokens,
    invitations,
    identities,
    memberships,
    refresh_tokens,
    session_steps,
    session_usage,
    sessions,
    sign_in_codes,
    sign_ins,
    tree_texts,
    tree_versions,
    trees,
    users,
    version_pins,
);
